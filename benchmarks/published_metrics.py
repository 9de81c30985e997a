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
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from genwright_molecules.metrics import METRICS
from genwright_molecules.molecules import Molecules
from genwright_molecules.reference import Reference

RESULT = Path(__file__).parent / "results" / "published_metrics.md"
REFERENCES = {"Test": "moses_test.smi.xz", "TestSF": "moses_test_scaffolds.smi.xz"}
SAMPLES = ("char_rnn", "vae")
PUBLISHED_NAMES = {"unique@1k": "unique@1000", "unique@10k": "unique@10000", "filters": "Filters"}
COMPARING = ("FCD", "SNN", "Frag", "Scaf")
PACKAGES = ("rdkit", "numpy", "scipy", "torch", "fcd-torch")


def main() -> None:
    folder = Path(os.environ["GENWRIGHT_DATA_MIRROR"]) / "molecules"
    published = read_published(folder / "moses_published_metrics.csv")
    references = {name: Reference(read_lines(folder / file)) for name, file in REFERENCES.items()}
    rows = []
    for model in SAMPLES:
        samples = Molecules(read_samples(folder / "moses_model_samples_two.csv.xz", model))
        for row in measure(model, samples, references, published):
            print(row, file=sys.stderr, flush=True)
            rows.append(row)
    text = "\n".join((*head(), *rows, *remarks(), ""))
    RESULT.write_text(text, encoding="utf-8")
    print(text)


def measure(
    model: str, samples: Molecules, references: dict[str, Reference], published: dict[tuple[str, str], str]
) -> Iterator[str]:
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
            yield (
                f"| {model} | {label} | {digits} | {value.value:.6f} | {value.error:.6f} "
                f"| {difference:+.6f} | {100 * difference / float(digits):+.3f} % | {seconds:.1f} |"
            )


def head() -> Iterator[str]:
    yield from ("# Published metrics of MOSES, computed again", "")
    yield f"    GENWRIGHT_DATA_MIRROR=data OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '')} python {sys.argv[0]}"
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    yield from ("", f"Python {platform.python_version()}, {versions}, {platform.machine()}.", "")
    yield "Samples: run 1 of 30,000 SMILES each. References: 176,074 molecules (Test) and 176,225 (TestSF). Novelty"
    yield "is left out: it compares with the training set of MOSES, which the mirror does not hold. Error: the standard"
    yield "error over the samples drawn. Seconds: of this process, for whatever the metric had to compute first."
    yield from ("", "| sample | metric | published | ours | error | difference | relative | s |", "|" + " --- |" * 8)


def remarks() -> Iterator[str]:
    yield ""
    yield "Whatever only counts, compares or multiplies has all published digits. The others differ by less than 0.1 %,"
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
    main()
