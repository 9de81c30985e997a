"""Drawing recorded samples again, and saying whether they are the same."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any, Literal

from genwright.domain import Difference, Domain
from genwright.errors import Forbidden, GenwrightError, StoreReadOnly
from genwright.generation import Generation
from genwright.kernels.record import Chosen
from genwright.model import Model
from genwright.recording import Recording, environment, generation_of, new_run
from genwright.registry import Registry
from genwright.replays import scores_of
from genwright.run import Run, new_run_id
from genwright.store import Record, Store, is_text

__all__ = ["Outcome", "Verdict", "replayed"]

Outcome = Literal["identical", "close", "different", "not repeatable"]

_AT_ONCE = 1024


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome of drawing a sample again.

    reason:     what differs, or why it cannot be drawn again; "" if identical
    difference: how far what was drawn is from what is on record, where that has a size
    drift:      what differs between the environment of the run and this one, one sentence each
    """

    sample: str
    outcome: Outcome
    reason: str = ""
    difference: Difference | None = None
    drift: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """The largest difference, and what differs or why it cannot be drawn again, in a sentence."""
        size = "" if self.difference is None else str(self.difference)
        return ": ".join(filter(None, (size, self.reason)))

    def __str__(self) -> str:
        text = f"{self.sample}: {self.outcome}" + (f", {self.told}" if self.told else "")
        return text + "".join(f"\n  {change}" for change in self.drift)


def replayed(store: Store, registry: Registry, records: Iterable[Record]) -> Iterator[Verdict]:
    """Yield the verdict on each sample, run by run; each run's replay is recorded as a run of its own.

    What cannot be drawn again stops nothing: its verdict says why. A model is kept for the next run, if that is of it.
    Where the store can only be read, a warning says that it is not recorded.
    Go through all of them: a replay that is left early is recorded as interrupted.
    """
    model: Model[Any] | None = None
    for id, some in groupby(records, key=lambda record: record.run):
        run = store.run(id)
        try:
            generation = generation_of(run, registry, model=model)
        except GenwrightError as error:
            model = None
            yield from _refused(run, some, store, registry, str(error))
            continue
        model = generation.model
        yield from _replayed_run(run, generation, some, store)


def _replayed_run(run: Run, generation: Generation[Any], records: Iterator[Record], store: Store) -> Iterator[Verdict]:
    drift = tuple(run.environment.drift(environment(generation.registry, generation.device, generation.threads)))
    replay = new_run("replay", generation.model, generation, planned=0, parent=run.id)
    verdicts = (_compared(generation, some, drift) for some in _batches(records))
    yield from _recorded(replay, verdicts, store, generation.registry, chosen=generation.chosen)


def _refused(run: Run, records: Iterator[Record], store: Store, registry: Registry, why: str) -> Iterator[Verdict]:
    """Yield that samples cannot be drawn again. Their replay is recorded too, as one that computed nothing."""
    here = environment(registry, "cpu", run.environment.threads)
    drift = tuple(run.environment.drift(here))
    replay = replace(run, id=new_run_id(), kind="replay", environment=here, planned=0, parent=run.id)
    replay = replace(replay, started=time.time_ns(), state="running", error=None, notes=(), finished=None)
    verdicts = (
        [Verdict(sample=r.id, outcome="not repeatable", reason=why, drift=drift) for r in some]
        for some in _batches(records)
    )
    yield from _recorded(replay, verdicts, store, registry)


def _recorded(
    replay: Run,
    batches: Iterator[Iterable[Verdict]],
    store: Store,
    registry: Registry,
    *,
    chosen: Chosen | None = None,
) -> Iterator[Verdict]:
    """Yield verdicts; record those of each batch, also of the one in which this is left.

    chosen: which kernels serve, filled while samples are drawn
    """
    recording = Recording(store if _takes(store, replay) else None, registry, owned=False)
    recording.chosen = {} if chosen is None else chosen
    with recording.running(replay):
        for verdicts in batches:
            told: list[Verdict] = []
            try:
                for verdict in verdicts:
                    told.append(verdict)
                    yield verdict
            finally:
                if recording.store is not None:
                    recording.store.put_scores(replay.id, scores_of(told))


def _batches(records: Iterator[Record]) -> Iterator[list[Record]]:
    while some := list(islice(records, _AT_ONCE)):
        yield some


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
    for place, record in enumerate(records):
        try:
            item = next(items)
        except GenwrightError as error:
            # Kernels that were asked for may not serve here, as is found where the first of them is called.
            for left in records[place:]:
                yield Verdict(sample=left.id, outcome="not repeatable", reason=str(error), drift=drift)
            return
        verdict = _verdict(record, item, generation.model.domain)
        yield verdict if verdict.outcome == "identical" else replace(verdict, drift=drift)


def _verdict(record: Record, item: Any, domain: Domain[Any]) -> Verdict:
    payload = domain.to_bytes(item)
    if payload == record.payload:
        return Verdict(sample=record.id, outcome="identical")
    text = is_text(record.media_type)
    difference = _difference(record, item, domain)
    reason = f"{_shown(payload, text)} in place of {_shown(record.payload, text)}"
    if record.canonical is not None and domain.check(item) is None and domain.canonical(item) == record.canonical:
        reason = f"another spelling of {record.canonical}: {reason}" if text else reason
        return Verdict(sample=record.id, outcome="close", difference=difference, reason=reason)
    if difference is None and text:
        difference = Difference.of_texts(payload.decode(errors="replace"), record.payload.decode(errors="replace"))
    outcome: Outcome = "close" if difference is not None and difference.close else "different"
    return Verdict(sample=record.id, outcome=outcome, difference=difference, reason=reason)


def _difference(record: Record, item: Any, domain: Domain[Any]) -> Difference | None:
    """Return what the domain says of an item and the one on record; None too where the bytes on record are no item."""
    try:
        return domain.difference(item, domain.from_bytes(record.payload))
    except Exception as error:
        # Whoever changed the bytes chose what a domain fails by; the verdict is to say that they are others.
        warnings.warn(f"the item of {record.id} on record cannot be compared: {error!r}", stacklevel=2)
        return None


def _shown(payload: bytes, text: bool) -> str:
    if not text:
        return f"{len(payload):,} bytes"
    return repr(payload) if len(payload) <= 80 else f"{payload[:60]!r}… ({len(payload):,} bytes)"
