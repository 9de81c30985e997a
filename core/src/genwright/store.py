"""Where runs, checkpoints and samples are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from genwright.run import Run, State
from genwright.samples import Review

__all__ = ["Finding", "Record", "Score", "Store", "StoredCheckpoint"]


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
    any unambiguous prefix; "LAST" is the newest run. Readers see every acknowledged sample, also while another
    process writes. Unknown ids raise UnknownName, everything else that fails a StoreError.
    """

    @property
    def url(self) -> str:
        """Where the store is."""

    def put_run(self, run: Run) -> None:
        """Record the start of a run, with its environment."""

    def finish_run(self, run: str, state: State, *, error: str | None = None, notes: Sequence[str] = ()) -> None:
        """Record how a run ended. A run may end again, after it was resumed."""

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

    def verify(self) -> Iterator[Finding]:
        """Check every row against the ledger; yield what is wrong."""

    def info(self) -> Mapping[str, Any]:
        """Return facts about the store: url, format version, numbers of rows, size in bytes, head of the ledger."""

    def close(self) -> None:
        """Let go of the store."""
