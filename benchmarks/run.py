"""Measure what is promised and print it as one table, beside what others reach.

    python benchmarks/run.py DOMAIN ... [--quick] [--samples N] [--model NAME_OR_FOLDER] [--only SECTION ...]
    python benchmarks/run.py kernels sampling [--quick] [--tune] [--seconds N] [--only SECTION ...]
    python benchmarks/run.py store [--quick] [--rows N] [--peers-python PATH] [--only SECTION ...]

Nothing is measured whose quick tests are red. The sections measured also go to benchmarks/results/, as Markdown and as
JSON, a file for each domain, beside those measured before; unless with --quick, --smoke, --ungated, --model or another
number of samples or rows, for trying things.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import torch

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent))

from benchmarks.environment import command, environment  # noqa: E402
from benchmarks.gate import Red, check_green  # noqa: E402
from benchmarks.results import Section, as_json, as_markdown, from_json, merged  # noqa: E402
from benchmarks.row import Row  # noqa: E402
from benchmarks.setting import Setting  # noqa: E402

_ROWS = 100_000
_SAMPLES = 30_000
"""As many as MOSES draws; distances to a reference can be compared at equal numbers only."""

SECTIONS = {
    "molecules": ("quality", "conditional", "peers", "startup", "recording", "memory"),
    "families": ("modes", "orders", "pipeline", "pictures", "stacked", "bits"),
    "gpu": ("devices",),
    "audio": ("quality", "vocoder", "codec", "wavenet"),
    "kernels": ("machine", "promised", "operations"),
    "sampling": ("tokens", "denoised", "drawn", "replay"),
    "store": ("ingest", "single", "postgresql", "peers", "verify", "proof", "search", "memory"),
}
_ON_EITHER = "kernels", "sampling"
_FOLDERS = {name: f"{name}." for name in ("audio", "kernels", "sampling", "store")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if a target is missed or a test red."""
    asked = _parser().parse_args(arguments)
    cases = {
        (domain, name): importlib.import_module(f"benchmarks.cases.{_FOLDERS.get(domain, '')}{name}")
        for domain in dict.fromkeys(asked.domains)
        for name in SECTIONS[domain]
        if not asked.only or name in asked.only
    }
    if not asked.ungated and not asked.tested:
        try:
            check_green(sorted({test for case in cases.values() for test in case.TESTS}))
        except Red as error:
            print(f"Refused: {error}", file=sys.stderr)
            return 1
    found = _found(cases, asked)
    for domain, sections in found.items():
        title = f"Benchmark of {domain}"
        if _is_tried(asked):
            print(as_markdown(f"{title}, for trying things", sections))
        else:
            _keep(title, sections, _HERE / "results" / _named(domain), SECTIONS[domain])
    every = (row for sections in found.values() for section in sections for row in section.rows)
    return int(any(row.verdict == "FAIL" for row in every))


def _found(cases: Mapping[tuple[str, str], ModuleType], asked: argparse.Namespace) -> dict[str, list[Section]]:
    """Return what was measured, by domain. Of the seconds that are left, each section has the same share."""
    found: dict[str, list[Section]] = {domain: [] for domain in dict.fromkeys(asked.domains)}
    end = None if asked.seconds is None else time.monotonic() + asked.seconds
    with tempfile.TemporaryDirectory(prefix="genwright-benchmark-") as scratch:
        for place, ((domain, name), case) in enumerate(cases.items()):
            now = time.monotonic()
            until = None if end is None else now + (end - now) / (len(cases) - place)
            setting = replace(_setting(asked, domain, Path(scratch)), until=until)
            found[domain].append(_measured(name, case, setting))
    return found


def _named(domain: str) -> str:
    """Return what results of a domain are kept under; those that a GPU gave are apart from those of a processor."""
    return f"{domain}-gpu" if domain in _ON_EITHER and torch.cuda.is_available() else domain


def _setting(asked: argparse.Namespace, domain: str, scratch: Path) -> Setting:
    quick = asked.quick or asked.smoke
    samples = (2_000 if quick else _SAMPLES) if asked.samples is None else asked.samples
    usual = 50 if asked.smoke else 10_000 if quick else _ROWS
    return Setting(
        model=asked.model or domain,
        quick=quick,
        smoke=asked.smoke,
        samples=samples,
        rows=usual if asked.rows is None else asked.rows,
        peers_python=asked.peers_python,
        scratch=scratch,
        tunes=asked.tune,
    )


def _is_tried(asked: argparse.Namespace) -> bool:
    """Whether what is measured is for trying things, and not kept."""
    is_usual = asked.samples in (None, _SAMPLES) and asked.rows in (None, _ROWS)
    return bool(asked.quick or asked.smoke or asked.ungated or asked.model or not is_usual)


def _measured(name: str, case: ModuleType, setting: Setting) -> Section:
    versions = environment()
    return Section(name=name, command=command(), environment=versions, rows=list(_told(case.rows(setting))))


def _told(rows: Iterator[Row]) -> Iterator[Row]:
    for row in rows:
        print(f"{row.section}: {row.name}: {row.value} {row.unit} {row.verdict}", file=sys.stderr, flush=True)
        yield row


def _keep(title: str, sections: Sequence[Section], path: Path, order: Sequence[str]) -> None:
    every = merged(from_json(path.with_suffix(".json")), sections, order)
    path.parent.mkdir(exist_ok=True)
    path.with_suffix(".json").write_text(as_json(every), encoding="utf-8")
    path.with_suffix(".md").write_text(as_markdown(title, every), encoding="utf-8")
    print(as_markdown(title, sections))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Measure what is promised, beside what others reach.")
    parser.add_argument(
        "domains", nargs="+", choices=sorted(SECTIONS), metavar="DOMAIN", help=", ".join(sorted(SECTIONS))
    )
    parser.add_argument("--quick", action="store_true", help="measure less, to try things")
    parser.add_argument("--smoke", action="store_true", help="measure next to nothing, to see that it runs")
    parser.add_argument("--ungated", action="store_true", help="measure although tests are red or missing")
    parser.add_argument("--tested", action="store_true", help="measure at once: the tests have just run, and are green")
    parser.add_argument("--samples", type=int, metavar="N", help="for quality: 30,000, or 2,000 if quick")
    parser.add_argument(
        "--model", metavar="NAME_OR_FOLDER", help="the domain's default model if not given; of families, all that ship"
    )
    parser.add_argument("--rows", type=int, metavar="N", help="for store: 100,000, or 10,000 if quick")
    parser.add_argument(
        "--peers-python",
        metavar="PATH",
        default=os.environ.get("GENWRIGHT_PEERS_PYTHON"),
        help="for store: the interpreter that has llm and MLflow (benchmarks/peers/requirements-store.txt says how to "
        "make it); else $GENWRIGHT_PEERS_PYTHON",
    )
    parser.add_argument("--tune", action="store_true", help="for kernels: write the table of which is fastest here")
    parser.add_argument("--seconds", type=float, metavar="N", help="for kernels and sampling: about as long in all")
    sections = sorted({name for names in SECTIONS.values() for name in names})
    parser.add_argument("--only", action="append", choices=sections, help="a section; may be given several times")
    return parser


if __name__ == "__main__":
    sys.exit(main())
