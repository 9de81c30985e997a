"""A store that lasts as long as the process."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

from genwright.errors import Conflict, UnknownName, UsageError
from genwright.query import Hit, Query, is_findable
from genwright.run import Run, State
from genwright.scan import scan
from genwright.store import (
    Finding,
    Progress,
    Record,
    Score,
    StoredCheckpoint,
    check_plain,
    check_same_run,
    chosen,
    conflict,
    is_text,
    one_batch,
    opening,
    split_id,
)

__all__ = ["MemoryStore"]


@final
class MemoryStore:
    """A store that lasts as long as the process. What it promises of durability ends there."""

    def __init__(self, url: str = "memory:") -> None:
        self.url = url
        self._runs: dict[str, Run] = {}
        self._checkpoints: dict[str, StoredCheckpoint] = {}
        self._samples: dict[str, dict[int, Record]] = {}
        self._scores: dict[str, list[Score]] = {}
        self._ledger: dict[str, str] = {}
        self._put: list[tuple[str, int]] = []
        self._scored: list[tuple[str, Score]] = []

    def put_run(self, run: Run) -> None:
        """Record the start of a run, with its environment."""
        run = opening(run)
        stored = self._runs.get(run.id)
        if stored is not None:
            check_same_run(stored, run)
            return
        self._runs[run.id], self._samples[run.id], self._scores[run.id] = run, {}, []
        self._ledger[f"run {run.id}"] = _digest(run)

    def finish_run(
        self, run: str, state: State, *, error: str | None = None, notes: Sequence[str] = (), at: int | None = None
    ) -> None:
        """Record how a run ended."""
        check_plain(f"run {run}", error or "", *notes)
        now = time.time_ns() if at is None else at
        finished = None if state == "running" else now
        ended = replace(self.run(run), state=state, error=error, notes=tuple(notes), finished=finished)
        self._runs[ended.id] = ended
        self._ledger[f"run {ended.id}"] = _digest(ended)

    def put_checkpoint(self, checkpoint: StoredCheckpoint) -> None:
        """Record a checkpoint, once."""
        check_plain(f"checkpoint {checkpoint.digest}", checkpoint.name, checkpoint.domain, checkpoint.card)
        stored = self._checkpoints.setdefault(checkpoint.digest, checkpoint)
        if stored != checkpoint:
            raise Conflict(f"checkpoint {checkpoint.digest} {_SAME_DIGEST}")
        self._ledger[f"checkpoint {checkpoint.digest}"] = _digest(checkpoint)

    def put_samples(self, records: Sequence[Record]) -> None:
        """Record samples of one run."""
        batch = one_batch(records)
        if not batch:
            return
        if batch[0].run not in self._runs:
            raise UnknownName("run", batch[0].run, [], "Put the run before its samples.")
        stored = self._samples[batch[0].run]
        for record in batch:
            if stored.get(record.index, record) != record:
                raise conflict(stored[record.index], record)
        for record in batch:
            if record.index not in stored:
                self._put.append((record.run, record.index))
            stored[record.index] = record
            self._ledger[f"sample {record.id}"] = _digest(record)

    def put_scores(self, run: str, scores: Sequence[Score]) -> None:
        """Record values of metrics."""
        check_plain(f"scores of run {run}", *(text for score in scores for text in (score.metric, score.detail)))
        id = self.run(run).id
        for score in scores:
            if score.index is not None and score.index not in self._samples[id]:
                raise UnknownName("sample", f"{id}/{score.index}", [], "Put a sample before its scores.")
        if scores:
            self._scores[id].extend(scores)
            self._scored.extend((id, score) for score in scores)
            self._ledger[f"scores of run {id}"] = _digest(self._scores[id])

    def run(self, id: str) -> Run:
        """Return a run."""
        if id == "LAST" and self._runs:
            return next(itertools.chain(self.runs(kind="generate"), self.runs()))
        newest = [run.id for run in self.runs(limit=5)]
        return self._runs[chosen("run", id, [known for known in self._runs if known.startswith(id)], newest)]

    def runs(self, *, kind: str | None = None, limit: int | None = None) -> Iterator[Run]:
        """Yield runs, newest first."""
        found = (run for run in reversed(list(self._runs.values())) if kind in (None, run.kind))
        return itertools.islice(found, limit)

    def checkpoint(self, digest: str) -> StoredCheckpoint:
        """Return a checkpoint."""
        found = [known for known in self._checkpoints if known.startswith(digest)]
        return self._checkpoints[chosen("checkpoint", digest, found, self._checkpoints)]

    def sample(self, id: str) -> Record:
        """Return a sample by its id, "run/index"."""
        run, index = split_id(id)
        stored = self._samples[self.run(run).id]
        if index not in stored:
            raise UnknownName("sample", id, [], f"List them with: genwright samples list --run {run}.")
        return stored[index]

    def samples(
        self,
        *,
        run: str | None = None,
        domain: str | None = None,
        text: str | None = None,
        identity: str | None = None,
        valid: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[Record]:
        """Yield samples, newest run first and by index in it."""
        runs = self.runs() if run is None else [self.run(run)]
        found = (
            record
            for one in runs
            if domain in (None, one.domain)
            for _, record in sorted(self._samples[one.id].items())
            if (identity is None or record.identity == identity)
            and (valid is None or (record.flaw is None) == valid)
            and (text is None or _holds(record, text))
        )
        return itertools.islice(found, limit)

    def search(self, query: Query, *, progress: Progress | None = None) -> Iterator[Hit]:
        """Yield the samples that fit, by looking at each."""
        if query.run is not None:
            query = replace(query, run=self.run(query.run).id)
        if not is_findable(query.text, query.identity, query.match, query.domain):
            return iter(())
        samples = [self._samples[run][index] for run, index in self._put]
        return scan(query, samples, self._scored, self._runs)

    def missing(self, run: str) -> Iterable[int]:
        """Return the planned indices of a run that have no sample yet, ascending."""
        found = self.run(run)
        return [index for index in range(found.planned) if index not in self._samples[found.id]]

    def scores(self, run: str) -> list[Score]:
        """Return the values of metrics recorded for a run."""
        return list(self._scores[self.run(run).id])

    def verify(
        self, *, heads: Sequence[str] = (), keys: Sequence[str] = (), progress: Progress | None = None
    ) -> Iterator[Finding]:
        """Check everything against the digests taken when it was put; yield what is wrong."""
        if heads or keys:
            raise UsageError("heads are signed by stores in SQL; this one is in memory. Leave out heads and keys.")
        present = {where: _digest(thing) for where, thing in self._things()}
        for where in sorted(self._ledger.keys() | present.keys()):
            if where not in present:
                yield Finding(where=where, trouble="it is in the ledger and not in the store")
            elif where not in self._ledger:
                yield Finding(where=where, trouble="it is not in the ledger")
            elif self._ledger[where] != present[where]:
                yield Finding(where=where, trouble="it was changed after it was put")
        if progress is not None:
            progress(sum(map(len, self._samples.values())))

    def info(self) -> Mapping[str, Any]:
        """Return facts about the store."""
        root = hashlib.sha256("".join(self._ledger.values()).encode()).hexdigest()
        return {
            "url": self.url,
            "format": "memory",
            "runs": len(self._runs),
            "samples": sum(map(len, self._samples.values())),
            "checkpoints": len(self._checkpoints),
            "scores": sum(map(len, self._scores.values())),
            "bytes": sum(len(record.payload) for kept in self._samples.values() for record in kept.values()),
            "head": {"size": len(self._ledger), "root": root},
        }

    def close(self) -> None:
        """Keep everything: the store goes with the object."""

    def _things(self) -> Iterator[tuple[str, object]]:
        for run in self._runs.values():
            yield f"run {run.id}", run
            if self._scores[run.id]:
                yield f"scores of run {run.id}", self._scores[run.id]
            for index, record in self._samples[run.id].items():
                yield f"sample {run.id}/{index}", record
        for digest, checkpoint in self._checkpoints.items():
            yield f"checkpoint {digest}", checkpoint


def _holds(record: Record, text: str) -> bool:
    if record.canonical is not None and text in record.canonical:
        return True
    return is_text(record.media_type) and text.encode("utf-8", "surrogatepass") in record.payload


def _digest(thing: object) -> str:
    return hashlib.sha256(repr(thing).encode("utf-8", "surrogatepass")).hexdigest()


_SAME_DIGEST = "is already stored with another content. The digest of a checkpoint is over its card and its files."
