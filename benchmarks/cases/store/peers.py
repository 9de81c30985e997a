"""Keeping records beside simonw/llm's log and MLflow, which keep no evidence."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from benchmarks.cases.store import ingest
from benchmarks.rates import Rate, Spent, rates, ratio_row
from benchmarks.row import Row, at_least
from benchmarks.setting import Setting
from benchmarks.stored import BATCH

__all__ = ["TESTS", "NoPeers", "Peers", "peers", "rows"]

TESTS = ingest.TESTS
_SECTION = "peers"
_PROGRAM = Path(__file__).resolve().parents[2] / "peers" / "record_loggers.py"
_BATCH_CALL = "MLflow log_batch"
_CALLS = ("llm log_to_db", "MLflow log_metric", "MLflow log_params", "MLflow log_dict", "MLflow trace")
_TARGET = at_least(100)
_LIKE = "One record a call on both sides, each kept before the next. Each writes as it does by default: ours with"
_UNLIKE = "A batch beside calls of one record: not like with like, and what a user of each gains."


class NoPeers(Exception):
    """They cannot be measured; the message is a note for their rows."""


def rows(setting: Setting) -> Iterator[Row]:
    """Yield how many times as fast each call is ours: one record a call, then batches."""
    try:
        with peers(setting.peers_python, setting.scratch) as found:
            yield from _measured(found, setting)
    except NoPeers as error:
        for call in (*_CALLS, _BATCH_CALL):
            note = f"Not measured: {error}"
            target = None if call == _BATCH_CALL else _TARGET
            yield Row(section=_SECTION, name=_single(call), value=None, unit="times", target=target, note=note)


def _measured(found: Peers, setting: Setting) -> Iterator[Row]:
    one, many, each = setting.scaled(500, 300), setting.scaled(20_000, 5_000), setting.scaled(60, 30)
    work: dict[str, Callable[[], Spent]] = {
        "one": lambda: ingest.ours(setting.scratch, one, 1),
        "many": lambda: ingest.ours(setting.scratch, many, BATCH),
        _BATCH_CALL: lambda: found.log(_BATCH_CALL, setting.scaled(3_000, 1_000)),
    }
    for call in _CALLS:
        work[call] = lambda call=call: found.log(call, each)  # type: ignore[misc]
    rate = rates(work, rounds=setting.scaled(5, 3))
    for call in _CALLS:
        yield _row(found, _single(call), rate["one"], call, rate, target=True, note=f"{_LIKE} `synchronous=FULL`.")
    for call in _CALLS:
        yield _row(found, f"batches of {BATCH:,} of ours to {call}", rate["many"], call, rate, note=_UNLIKE)
    name = f"batches of {BATCH:,} of ours to {_BATCH_CALL} of 1,000 metrics"
    yield _row(found, name, rate["many"], _BATCH_CALL, rate, note="A batch on both sides; a metric is one number.")


def _single(call: str) -> str:
    return f"`put_samples` of one record a call to {call}"


def _row(
    found: Peers, name: str, ours: Rate, call: str, rate: Mapping[str, Rate], *, target: bool = False, note: str
) -> Row:
    peer = f"{call} ({found.version(call)})"
    return ratio_row(_SECTION, name, ours, (peer, rate[call]), target=_TARGET if target else None, note=note)


@contextmanager
def peers(python: str | None, scratch: Path) -> Iterator[Peers]:
    """Give the peers that an interpreter has. Raises NoPeers if there is none, or not all of them."""
    how = "benchmarks/peers/requirements-store.txt says how to make an environment of them, for --peers-python."
    if python is None:
        raise NoPeers(f"no interpreter was given that has llm and MLflow; {how}")
    folder = scratch / "peers"
    folder.mkdir(exist_ok=True)
    try:
        process = subprocess.Popen(
            [python, str(_PROGRAM), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError as error:
        raise NoPeers(f"{python} does not run ({error}); {how}") from error
    try:
        found = Peers(process)
        if not found.is_complete:
            raise NoPeers(f"{python} has {found.told or 'neither llm nor MLflow'}; {how}")
        yield found
    finally:
        process.communicate()


@final
class Peers:
    """The process that logs with the peers. told: their versions, by package"""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.told: Mapping[str, str] = self._answer()

    @property
    def is_complete(self) -> bool:
        """Whether it has llm and one of MLflow's packages."""
        return "llm" in self.told and bool({"mlflow", "mlflow-skinny"} & self.told.keys())

    def version(self, call: str) -> str:
        """Return the version of what makes a call."""
        return self.told["llm"] if call.startswith("llm") else self.told.get("mlflow") or self.told["mlflow-skinny"]

    def log(self, call: str, count: int) -> Spent:
        """Return what it takes to log so many records. Raises NoPeers if that fails."""
        assert self._process.stdin is not None
        print(json.dumps([call, count]), file=self._process.stdin, flush=True)
        answer = self._answer()
        if "trouble" in answer:
            raise NoPeers(f"{call} fails: {answer['trouble']}")
        return Spent(count, answer["clock"], answer["processor"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NoPeers("the process of the peers ended early.")
        answer: dict[str, Any] = json.loads(line)
        return answer
