"""The system calls of a process, watched or made to fail by strace.

strace is attached once the process has imported all it needs, so that no more than what a store does is seen.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, final

import pytest

from tests.torture.processes import context, start

__all__ = ["Call", "need_strace", "read_calls", "traced"]

_PR_SET_PTRACER, _ANY = 0x59616D61, -1

_LINE = re.compile(r"(\d+) +(?:(\w+)\((.*?)|<\.\.\. (\w+) resumed>(.*?))(?:\) += (-?\d+|\?).*| <unfinished \.\.\.>)")


@final
@dataclass(frozen=True)
class Call:
    """A system call: its name, its arguments as strace writes them, and what it returned."""

    name: str
    arguments: str
    result: int

    @property
    def texts(self) -> list[bytes]:
        """The arguments that are strings."""
        return [bytes.fromhex(text.replace("\\x", "")) for text in re.findall(r'"([^"]*)"', self.arguments)]

    @property
    def numbers(self) -> list[int]:
        """The arguments that are plain numbers."""
        return [
            int(one) for one in re.split(r", ", re.sub(r'"[^"]*"', "", self.arguments)) if one.lstrip("-").isdigit()
        ]


def need_strace() -> None:
    """Skip the test where processes cannot be watched."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed. Install it, on Debian with: apt-get install strace")
    tried = subprocess.run(["strace", "true"], capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"strace may not watch processes here: {tried.stderr.strip()[-200:]}")


@contextlib.contextmanager
def traced(options: list[str], target: Callable[..., None], *arguments: Any) -> Iterator[BaseProcess]:
    """Run a function in a new process under strace with these options; give the process, which has begun."""
    ours, theirs = context().Pipe()
    process = start(_wait, theirs, target, *arguments)
    theirs.close()
    ours.recv()
    command = ["strace", "-f", *options, "-p", str(process.pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr
        assert "attached" in (said := tracer.stderr.readline()), said
        ours.send("go")
        yield process
        process.join()
    process.close()


def read_calls(path: Path, *, failed: bool = False) -> Iterator[Call]:
    """Yield the calls that strace wrote to a file, in the order in which they ended: those that succeeded, or all."""
    begun: dict[str, str] = {}
    with path.open(encoding="ascii") as lines:
        for line in lines:
            found = _LINE.fullmatch(line.rstrip("\n"))
            if found is None:
                assert re.match(r"\d+ +(\+\+\+|---)", line), f"strace wrote what is not understood: {line[:200]}"
                continue
            task, name, arguments, resumed, rest, result = found.groups()
            if result is None:
                begun[task] = arguments
            elif result != "?":
                call = Call(name or resumed, arguments if name else begun.pop(task) + rest, int(result))
                if failed or call.result >= 0:
                    yield call


def _wait(gate: Connection, target: Callable[..., None], *arguments: Any) -> None:
    # Where only ancestors may attach, whoever is not one has to be let.
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(_ANY), 0, 0, 0)
    gate.send("ready")
    gate.recv()
    target(*arguments)
