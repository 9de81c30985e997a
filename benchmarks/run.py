"""Measure what is promised and print it as one table, beside what others reach.

    python benchmarks/run.py DOMAIN [--quick] [--samples N] [--model NAME_OR_FOLDER] [--only SECTION ...]
    python benchmarks/run.py store [--quick] [--rows N] [--peers-python PATH] [--only SECTION ...]

Nothing is measured whose quick tests are red. The sections measured also go to benchmarks/results/, as Markdown and as
JSON, beside those measured before; unless with --quick, --smoke, --ungated, --model or another number of samples or
rows, for trying things.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

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
    "store": ("ingest", "single", "postgresql", "peers", "verify", "proof", "search", "memory"),
}
_FOLDERS = {"audio": "audio.", "store": "store."}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return 1 if a target is missed or a test red."""
    asked = _parser().parse_args(arguments)
    names = [name for name in SECTIONS[asked.domain] if not asked.only or name in asked.only]
    cases = {
        name: importlib.import_module(f"benchmarks.cases.{_FOLDERS.get(asked.domain, '')}{name}") for name in names
    }
    if not asked.ungated:
        try:
            check_green(sorted({test for case in cases.values() for test in case.TESTS}))
        except Red as error:
            print(f"Refused: {error}", file=sys.stderr)
            return 1
    with tempfile.TemporaryDirectory(prefix="genwright-benchmark-") as scratch:
        setting = _setting(asked, Path(scratch))
        sections = [_measured(name, case, setting) for name, case in cases.items()]
    title = f"Benchmark of {asked.domain}"
    if _is_tried(asked):
        print(as_markdown(f"{title}, for trying things", sections))
    else:
        _keep(title, sections, _HERE / "results" / asked.domain, SECTIONS[asked.domain])
    return int(any(row.verdict == "FAIL" for section in sections for row in section.rows))


def _setting(asked: argparse.Namespace, scratch: Path) -> Setting:
    quick = asked.quick or asked.smoke
    samples = (2_000 if quick else _SAMPLES) if asked.samples is None else asked.samples
    usual = 50 if asked.smoke else 10_000 if quick else _ROWS
    return Setting(
        model=asked.model or asked.domain,
        quick=quick,
        smoke=asked.smoke,
        samples=samples,
        rows=usual if asked.rows is None else asked.rows,
        peers_python=asked.peers_python,
        scratch=scratch,
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
    parser.add_argument("domain", choices=sorted(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="measure less, to try things")
    parser.add_argument("--smoke", action="store_true", help="measure next to nothing, to see that it runs")
    parser.add_argument("--ungated", action="store_true", help="measure although tests are red or missing")
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
    sections = sorted({name for names in SECTIONS.values() for name in names})
    parser.add_argument("--only", action="append", choices=sections, help="a section; may be given several times")
    return parser


if __name__ == "__main__":
    sys.exit(main())
