"""Do to stores all that they must survive, and print what was lost in a table."""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import final

import pytest

from tests.torture import alarms, faults, fulldisk, kills, postgresql, powercuts, readers, tampering, writers
from tests.torture.processes import KEYS, memory
from tests.torture.tally import Tally

__all__ = ["FAULTS", "Fault", "main"]

SEED = 4
RESULTS = Path("benchmarks/results/torture.md")


@final
@dataclass(frozen=True)
class Fault:
    """A kind of fault: what is done, what a round of it is, how many are done, and whether on a disk in memory.

    In memory no time goes by in waiting for a disk, where nothing is shown by waiting.
    """

    name: str
    what: str
    rounds: int
    torture: Callable[[int, int, Path], Tally]
    in_memory: bool = True


FAULTS = (
    Fault("kills", "a writer killed at any moment, by kill -9", 1000, kills.torture, in_memory=False),
    Fault(
        "powercuts", "the power cut at any moment, writes not synced kept, dropped or torn", 10_000, powercuts.torture
    ),
    Fault("faults", "one call of an ingest fails, each in turn, by EIO and ENOSPC", 100_000, faults.torture),
    Fault("fulldisk", "a disk of 64 KiB, 128 KiB and so on, filled", 256, fulldisk.torture),
    Fault(
        "tampering", "a sample of each of 1,000 batches tampered with, in every column and way", 1000, tampering.torture
    ),
    Fault("alarms", "a sound store verified; a round is a row", 1_000_000, alarms.torture, in_memory=False),
    Fault(
        "writers",
        "32 writers, one killed every 200 ms; a round is a sample of each",
        1000,
        writers.torture,
        in_memory=False,
    ),
    Fault("readers", "a reader beside a writer; a round is a reading", 1000, readers.torture, in_memory=False),
    Fault("postgresql", "PostgreSQL shut down immediately under 3 writers", 50, postgresql.torture, in_memory=False),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked for, and return 1 if anything was lost, else 0."""
    asked = _parser().parse_args(arguments)
    lines, is_clean = [*_heading(asked.seed)], True
    print(*lines, sep="\n", flush=True)
    for fault in FAULTS:
        if asked.only and fault.name not in asked.only:
            continue
        line, was_clean = _done(_at(fault, asked.store), asked.rounds or fault.rounds, asked.seed)
        print(line, flush=True)
        lines.append(line)
        is_clean = is_clean and was_clean
    if asked.write:
        asked.write.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0 if is_clean else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    names = [fault.name for fault in FAULTS]
    parser.add_argument("--only", choices=names, action="append", metavar="NAME", help=f"one of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, help="how many rounds, instead of each kind's own number")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument(
        "--store", metavar="URL", help="the store that writers and readers share, which is left as it is"
    )
    parser.add_argument("--write", nargs="?", type=Path, const=RESULTS, metavar="FILE", help=f"also write to {RESULTS}")
    return parser


def _at(fault: Fault, url: str | None) -> Fault:
    torture = {"writers": writers.torture, "readers": readers.torture}.get(fault.name)
    if url is None or torture is None:
        return fault
    return Fault(fault.name, fault.what, fault.rounds, partial(torture, url=url), fault.in_memory)


def _heading(seed: int) -> Iterator[str]:
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    python, packages = platform.python_version(), f"SQLite {sqlite3.sqlite_version}, SQLAlchemy {version('SQLAlchemy')}"
    yield "# What stores survive\n"
    yield f"`make torture`, {time.strftime('%Y-%m-%d')}, seed {seed}. Python {python}, {packages}."
    yield f"{system}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before.\n"
    yield "| fault | rounds | samples | found | seconds |"
    yield "|---|---:|---:|---|---:|"


def _done(fault: Fault, rounds: int, seed: int) -> tuple[str, bool]:
    """Return the line of a fault, and whether nothing was lost or nothing could be done."""
    begun = time.perf_counter()
    try:
        with _folder(in_memory=fault.in_memory) as folder:
            tally = fault.torture(rounds, seed, folder)
    except pytest.skip.Exception as reason:
        return f"| {fault.what} | 0 |  | not run: {reason} |  |", True
    seconds = time.perf_counter() - begun
    found = "; ".join([", ".join(f"{count:,} {loss}" for loss, count in tally.losses.items()), *tally.remarks])
    return f"| {fault.what} | {tally.rounds:,} | {tally.acknowledged:,} | {found} | {seconds:,.0f} |", tally.is_clean


@contextmanager
def _folder(*, in_memory: bool) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="torture-", dir=memory() if in_memory else None) as folder:
        os.environ[KEYS] = f"{folder}/keys"
        yield Path(folder)


if __name__ == "__main__":
    sys.exit(main())
