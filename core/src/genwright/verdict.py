"""Drawing recorded samples again, and saying whether they are the same."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, Literal

from genwright.domain import Domain
from genwright.errors import Forbidden, GenwrightError, StoreReadOnly
from genwright.generation import Generation
from genwright.recording import Recording, environment, generation_of, new_run
from genwright.registry import Registry
from genwright.run import Run
from genwright.store import Record, Score, Store

__all__ = ["Outcome", "Verdict", "replayed"]

Outcome = Literal["identical", "close", "different", "not repeatable"]

_AT_ONCE = 1024


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of drawing a sample again.

    reason: what differs, or why it cannot be drawn again; "" if identical
    drift:  what differs between the environment of the run and this one, one sentence each
    """

    sample: str
    outcome: Outcome
    reason: str = ""
    drift: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = f"{self.sample}: {self.outcome}" + (f", {self.reason}" if self.reason else "")
        return text + "".join(f"\n  {change}" for change in self.drift)


def replayed(store: Store, registry: Registry, records: Iterable[Record]) -> Iterator[Verdict]:
    """Yield the verdict on each sample, run by run; each run's replay is recorded as a run of its own.

    Where the store can only be read, a warning says that it is not recorded.
    Go through all of them: a replay that is left early is recorded as interrupted.
    """
    for id, some in groupby(records, key=lambda record: record.run):
        run = store.run(id)
        try:
            generation = generation_of(run, registry)
        except GenwrightError as error:
            yield from (Verdict(sample=r.id, outcome="not repeatable", reason=str(error)) for r in some)
            continue
        yield from _replayed_run(run, generation, some, store)


def _replayed_run(run: Run, generation: Generation[Any], records: Iterator[Record], store: Store) -> Iterator[Verdict]:
    drift = tuple(run.environment.drift(environment(generation.registry, generation.device, generation.threads)))
    replay = new_run("replay", generation.model, generation, planned=0, parent=run.id)
    outcomes: dict[Outcome, int] = {}
    recording = Recording(store if _takes(store, replay) else None, generation.registry, owned=False)
    with recording.running(replay):
        while some := list(islice(records, _AT_ONCE)):
            for verdict in _compared(generation, some, drift):
                outcomes[verdict.outcome] = outcomes.get(verdict.outcome, 0) + 1
                yield verdict
        if recording.store is not None:
            recording.store.put_scores(replay.id, [Score(metric=f"replay/{o}", value=n) for o, n in outcomes.items()])


def _takes(store: Store, replay: Run) -> bool:
    """Whether a replay can be recorded in a store; warn where that can only be read, be it by whoever acts."""
    try:
        store.put_run(replay)
    except StoreReadOnly:
        warnings.warn(f"{store.url} can only be read, so this replay is not recorded", stacklevel=2)
        return False
    except Forbidden as error:
        warnings.warn(f"this replay is not recorded: {error}", stacklevel=2)
        return False
    return True


def _compared(generation: Generation[Any], records: Sequence[Record], drift: tuple[str, ...]) -> Iterator[Verdict]:
    items = generation.items([record.index for record in records])
    for record, item in zip(records, items, strict=True):
        outcome, reason = _outcome(record, item, generation.model.domain)
        yield Verdict(sample=record.id, outcome=outcome, reason=reason, drift=() if outcome == "identical" else drift)


def _outcome(record: Record, item: Any, domain: Domain[Any]) -> tuple[Outcome, str]:
    payload = domain.to_bytes(item)
    if payload == record.payload:
        return "identical", ""
    if record.canonical is not None and domain.check(item) is None and domain.canonical(item) == record.canonical:
        return "close", f"another spelling of {record.canonical}: {payload!r} in place of {record.payload!r}"
    return "different", f"{_shown(payload)} in place of {_shown(record.payload)}"


def _shown(payload: bytes) -> str:
    return repr(payload) if len(payload) <= 80 else f"{payload[:60]!r}… ({len(payload):,} bytes)"
