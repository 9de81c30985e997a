"""Compute the metrics of MOSES on two of its own sample files and print them beside the values published with these.

Needs, in the folder `molecules` of the data mirror: moses_test.smi.xz, moses_test_scaffolds.smi.xz,
moses_model_samples_two.csv.xz and moses_published_metrics.csv. The two references are cached: the first run takes
some half an hour of one core, later ones six minutes.

    GENWRIGHT_DATA_MIRROR=data OMP_NUM_THREADS=1 python benchmarks/published_metrics.py
"""

from __future__ import annotations

import csv
import lzma
import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from genwright_molecules.metrics import METRICS
from genwright_molecules.molecules import Molecules
from genwright_molecules.reference import Reference

RESULT = Path(__file__).parent / "results" / "published_metrics.md"
REFERENCES = {"Test": "moses_test.smi.xz", "TestSF": "moses_test_scaffolds.smi.xz"}
SAMPLES = ("char_rnn", "vae")
PUBLISHED_NAMES = {"unique@1k": "unique@1000", "unique@10k": "unique@10000", "filters": "Filters"}
TOLERANCE = 1e-3
"""The relative difference that other versions of what lies beneath explain."""

COMPARING = ("FCD", "SNN", "Frag", "Scaf")
PACKAGES = ("rdkit", "numpy", "scipy", "torch", "fcd-torch")


def main() -> int:
    """Print and keep the table; return 1 if a metric differs by more than the tolerance."""
    folder = Path(os.environ["GENWRIGHT_DATA_MIRROR"]) / "molecules"
    published = read_published(folder / "moses_published_metrics.csv")
    references = {name: Reference(read_lines(folder / file)) for name, file in REFERENCES.items()}
    rows: list[str] = []
    beyond: list[str] = []
    for model in SAMPLES:
        samples = Molecules(read_samples(folder / "moses_model_samples_two.csv.xz", model))
        for row, relative in measure(model, samples, references, published):
            print(row, file=sys.stderr, flush=True)
            rows.append(row)
            if not abs(relative) < TOLERANCE:
                beyond.append(row)
    text = "\n".join((*head(), *rows, *remarks(beyond), ""))
    RESULT.write_text(text, encoding="utf-8")
    print(text)
    return int(bool(beyond))


def measure(
    model: str, samples: Molecules, references: dict[str, Reference], published: dict[tuple[str, str], str]
) -> Iterator[tuple[str, float]]:
    for name, metric in METRICS.items():
        if name == "novel":
            continue
        for against, reference in references.items() if name in COMPARING else [("Test", references["Test"])]:
            label = f"{name}/{against}" if name in COMPARING else PUBLISHED_NAMES.get(name, name)
            start = time.process_time()
            value = metric(samples, reference)
            seconds = time.process_time() - start
            assert value is not None
            digits = published[model, label]
            difference = value.value - float(digits)
            row = (
                f"| {model} | {label} | {digits} | {value.value:.6f} | {value.error:.6f} "
                f"| {difference:+.6f} | {100 * difference / float(digits):+.3f} % | {seconds:.1f} |"
            )
            yield row, difference / float(digits)


def head() -> Iterator[str]:
    yield from ("# Published metrics of MOSES, computed again", "")
    yield f"    GENWRIGHT_DATA_MIRROR=data OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '')} python {sys.argv[0]}"
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    yield from ("", f"Python {platform.python_version()}, {versions}, {platform.machine()}.", "")
    yield "Samples: run 1 of 30,000 SMILES each. References: 176,074 molecules (Test) and 176,225 (TestSF). Novelty"
    yield "is left out: it compares with the training set of MOSES, which the mirror does not hold. Error: the standard"
    yield "error over the samples drawn. Seconds: of this process, for whatever the metric had to compute first."
    yield from ("", "| sample | metric | published | ours | error | difference | relative | s |", "|" + " --- |" * 8)


def remarks(beyond: Sequence[str]) -> Iterator[str]:
    yield ""
    if beyond:
        yield f"FAIL: {len(beyond)} differ by {100 * TOLERANCE:g} % or more:"
        yield from ("", *beyond)
        return
    yield f"All differ by less than {100 * TOLERANCE:g} %. What does differ does so"
    yield "most likely through what lies beneath: FCD runs in another PyTorch and reads the spellings of another RDKit"
    yield "(0.06 % of the molecules of Test are spelled otherwise now); logP, SA and QED come from that RDKit, too."


def read_lines(path: Path) -> list[str]:
    with lzma.open(path, "rt") as lines:
        return [line.strip() for line in lines]


def read_samples(path: Path, model: str) -> list[str]:
    with lzma.open(path, "rt", newline="") as lines:
        return [row["smiles"] for row in csv.DictReader(lines) if row["model"] == model]


def read_published(path: Path) -> dict[tuple[str, str], str]:
    with path.open(newline="") as lines:
        return {(row["sample"].removesuffix("_1"), row["metric"]): row["value"] for row in csv.DictReader(lines)}


if __name__ == "__main__":
    sys.exit(main())
