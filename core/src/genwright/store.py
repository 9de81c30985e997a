"""Where runs, checkpoints and samples are kept."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Protocol, final
from urllib.parse import unquote

from genwright.errors import Conflict, StoreError, UnknownName, UsageError, shown
from genwright.folders import store_url
from genwright.run import Environment, Run, State
from genwright.samples import Review

__all__ = [
    "TEXTUAL",
    "Finding",
    "MemoryStore",
    "Progress",
    "Record",
    "Score",
    "Store",
    "StoredCheckpoint",
    "check_plain",
    "check_same_run",
    "chosen",
    "conflict",
    "is_text",
    "one_batch",
    "open_store",
    "opening",
    "split_id",
]

Progress = Callable[[int], None]

TEXTUAL = ("text/", "chemical/", "application/json")


@dataclass(frozen=True, kw_only=True)
class Record:
    """A sample as a store keeps it.

    payload:    the item's bytes, as the domain's `to_bytes` gives them
    parameters: per-sample settings as JSON text, hashed byte for byte; "" for none
    prompt:     free text that may be personal, such as a text condition; "" for none
    """

    run: str
    index: int
    seed: int
    payload: bytes
    media_type: str
    flaw: str | None = None
    canonical: str | None = None
    identity: str | None = None
    parameters: str = ""
    prompt: str = ""
    reviews: tuple[Review, ...] = field(default=())

    @property
    def id(self) -> str:
        """The run's id and the index in it: "5f1c…/17"."""
        return f"{self.run}/{self.index}"


@dataclass(frozen=True, kw_only=True)
class StoredCheckpoint:
    """What a store keeps of a checkpoint: its digest, its card, and the digest and size of each file."""

    digest: str
    name: str
    domain: str
    card: str
    files: Mapping[str, tuple[str, int]]


@dataclass(frozen=True, kw_only=True)
class Score:
    """One value of a metric, for a run or for one of its samples (`index`)."""

    metric: str
    value: float
    error: float | None = None
    detail: str = ""
    index: int | None = None


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that an audit of the store found wrong: `where` names the row, blob or gap."""

    where: str
    trouble: str


class Store(Protocol):
    """Keeps runs, checkpoints and samples, and can prove that nothing was changed or removed.

    Every method that writes is durable when it returns, and does all or nothing. `put_samples` is idempotent: the
    same record again is passed over, other bytes under the same run and index raise Conflict. Ids may be given as
    any unambiguous prefix; "LAST" is the newest run that generates, or the newest of any kind where none does.
    Readers see every acknowledged sample, also while another process writes. Unknown ids raise UnknownName, everything
    else that fails a StoreError.
    """

    @property
    def url(self) -> str:
        """Where the store is."""

    def put_run(self, run: Run) -> None:
        """Record the start of a run, with its environment."""

    def finish_run(
        self, run: str, state: State, *, error: str | None = None, notes: Sequence[str] = (), at: int | None = None
    ) -> None:
        """Record how a run ended. A run may end again, after it was resumed; state "running" records that it was.

        at: when, in nanoseconds since 1970, of a run that ended elsewhere; None for now
        """

    def put_checkpoint(self, checkpoint: StoredCheckpoint) -> None:
        """Record a checkpoint, once; its files stay where they are."""

    def put_samples(self, records: Sequence[Record]) -> None:
        """Record samples of one run, as one batch of the ledger."""

    def put_scores(self, run: str, scores: Sequence[Score]) -> None:
        """Record values of metrics."""

    def run(self, id: str) -> Run:
        """Return a run."""

    def runs(self, *, kind: str | None = None, limit: int | None = None) -> Iterator[Run]:
        """Yield runs, newest first."""

    def checkpoint(self, digest: str) -> StoredCheckpoint:
        """Return a checkpoint."""

    def sample(self, id: str) -> Record:
        """Return a sample by its id, "run/index"."""

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
        """Yield samples, newest run first and by index in it.

        text: a part of the canonical spelling or the payload's text
        """

    def missing(self, run: str) -> Iterable[int]:
        """Return the planned indices of a run that have no sample yet, ascending."""

    def scores(self, run: str) -> list[Score]:
        """Return the values of metrics recorded for a run."""

    def verify(self, *, progress: Progress | None = None) -> Iterator[Finding]:
        """Check every row against the ledger; yield what is wrong.

        progress: called now and then with how many samples were checked so far
        """

    def info(self) -> Mapping[str, Any]:
        """Return facts about the store as plain data.

        url, format, runs, samples, checkpoints, scores, bytes; and head, with the ledger's size and root
        """

    def close(self) -> None:
        """Let go of the store."""


def open_store(where: str | Store | None = None) -> Store:
    """Return the store at a URL, a store as it is, or the default store.

    where: "sqlite:///path", "memory:" or the URL of any store that is installed; None for $GENWRIGHT_STORE, else one
           file in the user's data folder

    Raises UsageError for what is no URL, UnknownName for a scheme that no plugin serves, StoreError if the store cannot
    be opened.
    """
    if where is not None and not isinstance(where, str):
        if hasattr(where, "put_samples"):
            return where
        raise UsageError(f"a store is named by a URL; got {where!r}. For a file write sqlite:///PATH.")
    url = store_url() if where is None else where
    if "\0" in unquote(url) or _SURROGATE.search(url):
        raise UsageError(
            f"a store's URL is plain text; got {shown(url)}, with NUL or a lone surrogate in it. Name another place."
        )
    scheme, colon, _ = url.partition(":")
    if not colon:
        raise UsageError(f"a store is named by a URL; got {url!r}. For a file write sqlite:///{url or 'store.sqlite'}.")
    from genwright.registry import registry

    store: Store = registry().get("store", scheme).load()(url)
    return store


def is_text(media_type: str) -> bool:
    """Whether payloads of this type are text, in UTF-8."""
    return media_type.startswith(TEXTUAL)


def chosen(kind: str, id: str, found: Sequence[str], known: Iterable[str] = ()) -> str:
    """Return the one id that a prefix stands for.

    found: the ids that begin with it
    known: ids to offer when there is none

    Raises UnknownName if it begins none of them, or several.
    """
    if id in found:
        return id
    if len(found) > 1:
        raise UnknownName(kind, id, found, f"{id!r} begins more than one; give more of it.")
    if not found:
        raise UnknownName(kind, id, known, f"List them with: genwright {kind}s list.")
    return found[0]


def one_batch(records: Sequence[Record]) -> list[Record]:
    """Return the records by index, each once.

    Raises StoreError for records of several runs, numbers out of range or text that no store can keep, Conflict for two
    of one index that differ.
    """
    runs = sorted({record.run for record in records})
    if len(runs) > 1:
        raise StoreError(f"a batch holds the samples of one run; got those of {', '.join(runs)}. Put them run by run.")
    kept: dict[int, Record] = {}
    for record in records:
        if not 0 <= record.index < 1 << 63 or not -(1 << 63) <= record.seed < 1 << 64:
            raise StoreError(
                f"a sample's index is from 0 to 2^63 - 1 and its seed an integer of 64 bits; "
                f"got index {record.index} and seed {record.seed}. Number the samples of a run from 0."
            )
        other = kept.setdefault(record.index, record)
        if other is not record and other != record:
            raise conflict(other, record)
        _check_texts(record)
    return [kept[index] for index in sorted(kept)]


def conflict(stored: Record, record: Record) -> Conflict:
    """Return the error which says in what a record differs from the one stored under its run and index."""
    differing = [f.name for f in fields(Record) if getattr(stored, f.name) != getattr(record, f.name)]
    return Conflict(
        f"sample {record.id} is already stored with another {' and '.join(differing)}. "
        f"The stored one was kept; draw into a new run, or compare them: genwright audit replay {record.id}."
    )


def opening(run: Run) -> Run:
    """Return the start of a run as stores keep it: running, with plain data in its config and environment.

    Raises StoreError if it cannot be kept.
    """
    if not re.fullmatch("[0-9a-f]{32}", run.id):
        raise StoreError(f"a run's id is 32 hexadecimal digits; got {run.id!r}. Make one with new_run_id().")
    try:
        config = json.dumps(dict(run.config), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"a run's config is plain data, as JSON can hold it; got: {error}. Turn it into numbers, text and lists."
        ) from error
    texts = (config.replace("\\u0000", "\0"), run.domain, run.model, run.checkpoint, run.parent or "")
    check_plain(f"run {run.id}", *texts)
    environment = Environment.from_json(json.loads(json.dumps(run.environment.to_json())))
    started = replace(run, config=json.loads(config), environment=environment)
    return replace(started, state="running", error=None, notes=(), finished=None)


def check_plain(what: str, *texts: str) -> None:
    """Raise StoreError for text that not every database keeps: with NUL or lone surrogates in it."""
    text = "".join(texts)
    if text.isascii() and "\0" not in text:
        return
    if "\0" in text or _SURROGATE.search(text):
        found = "NUL" if "\0" in text else "a lone surrogate"
        raise StoreError(
            f"the texts of {what} are kept as plain text; got {found} in one of them. "
            f"Remove it, or keep it in a payload, which takes any bytes."
        )


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

    def missing(self, run: str) -> Iterable[int]:
        """Return the planned indices of a run that have no sample yet, ascending."""
        found = self.run(run)
        return [index for index in range(found.planned) if index not in self._samples[found.id]]

    def scores(self, run: str) -> list[Score]:
        """Return the values of metrics recorded for a run."""
        return list(self._scores[self.run(run).id])

    def verify(self, *, progress: Progress | None = None) -> Iterator[Finding]:
        """Check everything against the digests taken when it was put; yield what is wrong."""
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


def split_id(id: str) -> tuple[str, int]:
    """Return the run, or its prefix, and the index that a sample's id names. Raises UnknownName if it is none."""
    run, slash, index = id.rpartition("/")
    # The length first: beyond a few thousand digits, Python refuses to read a number.
    if not slash or not re.fullmatch("[0-9]{1,19}", index) or int(index) >= 1 << 63:
        raise UnknownName("sample", id, [], "A sample's id is its run and its index, such as LAST/0.")
    return run, int(index)


def check_same_run(stored: Run, run: Run) -> None:
    """Raise Conflict if a run that is put again did not start as the stored one did."""
    ended = ("state", "error", "notes", "finished")
    differing = [f.name for f in fields(Run) if f.name not in ended and getattr(stored, f.name) != getattr(run, f.name)]
    if differing:
        raise Conflict(
            f"run {run.id} is already stored with another {' and '.join(differing)}. "
            f"The stored one was kept; start a run with an id of its own."
        )


def _holds(record: Record, text: str) -> bool:
    if record.canonical is not None and text in record.canonical:
        return True
    return is_text(record.media_type) and text.encode("utf-8", "surrogatepass") in record.payload


def _check_texts(record: Record) -> None:
    reviews = [text for review in record.reviews for text in (review.reviewer, review.reason)]
    found = (record.flaw or "", record.canonical or "", record.identity or "")
    check_plain("a sample", record.media_type, record.parameters, record.prompt, *found, *reviews)


def _digest(thing: object) -> str:
    return hashlib.sha256(repr(thing).encode("utf-8", "surrogatepass")).hexdigest()


_SURROGATE = re.compile("[\ud800-\udfff]")
_SAME_DIGEST = "is already stored with another content. The digest of a checkpoint is over its card and its files."
