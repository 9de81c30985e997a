"""How long commands take from a cold start: a new process, a new store, files in the cache of the system."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from benchmarks.clock import Repeated
from benchmarks.row import Row, Target, at_most
from benchmarks.setting import Setting

__all__ = ["TESTS", "rows", "slowest_imports"]

TESTS = ("tests/core/cli",)

_REPETITIONS = 5
_IMPORT = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)")


@final
@dataclass(frozen=True, kw_only=True)
class _Command:
    arguments: Sequence[str]
    target: Target
    lines: int = 1

    @property
    def text(self) -> str:
        return "genwright " + " ".join(self.arguments)


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the seconds on the clock of each command."""
    yield from (
        _measured(command, setting)
        for command in (
            _Command(arguments=("--help",), target=at_most(0.4)),
            _Command(arguments=("plugins", "list"), target=at_most(0.5)),
            _Command(arguments=("generate", setting.model, "-n", "10"), target=at_most(4.0), lines=10),
        )
    )


def _measured(command: _Command, setting: Setting) -> Row:
    clock, cpu = [], []
    for repetition in range(_REPETITIONS + 1):
        start, before = time.perf_counter(), os.times()
        done = _run(command.arguments, setting.scratch / f"startup{repetition}.sqlite")
        clock.append(time.perf_counter() - start)
        after = os.times()
        cpu.append(after.children_user + after.children_system - before.children_user - before.children_system)
        if done.returncode or len(done.stdout.splitlines()) < command.lines:
            return _failed(command, done)
    # The first fills the system's cache of files.
    seconds = Repeated(tuple(clock[1:]))
    note = f"{Repeated(tuple(cpu[1:])).median:.2f} s of processor time."
    if not command.target.is_met(seconds.median):
        note += f" Slowest imports: {slowest_imports(_traced(command, setting))}."
    return Row(
        section="startup",
        name=f"`{command.text}`",
        value=seconds.median,
        unit="s",
        spread=seconds.spread,
        target=command.target,
        note=note,
    )


def _failed(command: _Command, done: subprocess.CompletedProcess[str]) -> Row:
    said = " ".join(done.stderr.split())[-200:]
    note = f"exit code {done.returncode}, {len(done.stdout.splitlines())} lines: {said}"
    return Row(section="startup", name=f"`{command.text}`", value=math.nan, unit="s", target=command.target, note=note)


def _run(arguments: Sequence[str], store: Path, *, options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GENWRIGHT_STORE": f"sqlite:///{store}"}
    call = [sys.executable, *options, "-m", "genwright", *arguments]
    return subprocess.run(call, env=environment, capture_output=True, text=True)


def _traced(command: _Command, setting: Setting) -> str:
    return _run(command.arguments, setting.scratch / "traced.sqlite", options=("-X", "importtime")).stderr


def slowest_imports(trace: str, *, first: int = 5) -> str:
    """Return the packages that took longest to import, from what `python -X importtime` writes."""
    totals: dict[str, int] = {}
    for microseconds, module in _IMPORT.findall(trace):
        package = ".".join(module.split(".")[:2]) if module.startswith("genwright") else module.split(".")[0]
        totals[package] = totals.get(package, 0) + int(microseconds)
    order = sorted(totals, key=lambda package: -totals[package])[:first]
    return ", ".join(f"{package} {totals[package] / 1e6:.2f} s" for package in order)
