"""Where runs, checkpoints and samples are kept."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from genwright.errors import Conflict, StoreError, UnknownName, UsageError, shown
from genwright.folders import store_url
from genwright.run import Environment, Run, State
from genwright.samples import Review

if TYPE_CHECKING:
    from genwright.query import Hit, Query

__all__ = [
    "TEXTUAL",
    "Finding",
    "Progress",
    "Record",
    "Score",
    "Store",
    "StoredCheckpoint",
    "check_plain",
    "check_same_run",
    "chosen",
    "conflict",
    "files_digest",
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


def files_digest(files: Mapping[str, tuple[str, int]]) -> str:
    """Return the digest of a checkpoint: SHA-256 over the digests of its files, each given with its size."""
    lines = "".join(f"{name} {digest}\n" for name, (digest, _) in sorted(files.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


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

    def search(self, query: Query, *, progress: Progress | None = None) -> Iterator[Hit]:
        """Yield the samples that fit a query, in the order that it says.

        progress: called now and then with how many samples were looked at that were not in the index yet

        Raises UsageError for a cursor that no such search gave, UnknownName for a run that is not there or a domain
        that is not installed and has to read its items.
        """

    def missing(self, run: str) -> Iterable[int]:
        """Return the planned indices of a run that have no sample yet, ascending."""

    def scores(self, run: str) -> list[Score]:
        """Return the values of metrics recorded for a run."""

    def verify(
        self, *, heads: Sequence[str] = (), keys: Sequence[str] = (), progress: Progress | None = None
    ) -> Iterator[Finding]:
        """Check every row against the ledger; yield what is wrong.

        heads:    texts of signed heads that were noted elsewhere; the ledger must have grown from each of them
        keys:     the public keys to trust; none for those known here
        progress: called now and then with how many samples were checked so far

        Raises UsageError for heads or keys where the store signs nothing.
        """

    def info(self) -> Mapping[str, Any]:
        """Return facts about the store as plain data.

        url, format, runs, samples, checkpoints, scores, bytes; and head, with the ledger's size, root and what signs it
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

    # "postgresql+psycopg" names a database and what speaks to it.
    store: Store = registry().get("store", scheme.partition("+")[0]).load()(url)
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


def _check_texts(record: Record) -> None:
    reviews = [text for review in record.reviews for text in (review.reviewer, review.reason)]
    found = (record.flaw or "", record.canonical or "", record.identity or "")
    check_plain("a sample", record.media_type, record.parameters, record.prompt, *found, *reviews)


_SURROGATE = re.compile("[\ud800-\udfff]")
