"""Rows of the tables: the types of the contract turned into rows, and back."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from genwright.run import Environment, Run
from genwright.samples import Review
from genwright.store import Record, Score, StoredCheckpoint
from genwright_storage import encoding, merkle
from genwright_storage.blobs import INLINE

__all__ = [
    "BatchRow",
    "SampleRow",
    "batch_row",
    "checkpoint_digest",
    "checkpoint_from",
    "end_digest",
    "new_rows",
    "record_from",
    "run_digest",
    "run_from",
    "sample_row",
    "score_digest",
    "score_from",
    "score_row",
    "scores_content",
    "scores_digest",
]


class SampleRow(NamedTuple):
    """The columns of a sample that it brings itself, in the order in which they are inserted."""

    idx: int
    seed: int
    media_type: str
    digest: bytes
    payload: bytes | None
    flaw: str | None
    canonical: str | None
    identity: str | None
    reviews: str | None
    parameters: str
    prompt: str
    salt: bytes | None
    leaf: bytes


class BatchRow(NamedTuple):
    """The columns of a batch that its samples give it, in the order in which they are inserted."""

    first_idx: int
    last_idx: int
    size: int
    root: bytes
    version: int

    def ref(self, run: str) -> str:
        """Return by what the ledger refers to it."""
        return f"{run}/{self.first_idx}"

    def content(self, run: str) -> bytes:
        """Return what the ledger commits to for it."""
        return encoding.batch_digest(run, self.first_idx, self.last_idx, self.size, self.root)


def batch_row(samples: Sequence[SampleRow]) -> BatchRow:
    """Return the row of a batch, for the rows of its samples, by index."""
    root = merkle.root([row.leaf for row in samples])
    return BatchRow(samples[0].idx, samples[-1].idx, len(samples), root, encoding.VERSION)


def sample_row(
    record: Record, salt: bytes | None, *, version: int = encoding.VERSION, inline: int = INLINE
) -> SampleRow:
    """Return the row of a record.

    salt:    16 random bytes, or those of the row it is compared with; None for one of version 1 without personal text
    version: of the leaf
    inline:  the size up to which its payload is in the row
    """
    media_type, payload, parameters, prompt = record.media_type, record.payload, record.parameters, record.prompt
    flaw, canonical, identity = record.flaw, record.canonical, record.identity
    reviews = _reviews_text(record.reviews) if record.reviews else None
    digest, seed = hashlib.sha256(payload).digest(), encoding.signed(record.seed)
    leaf = encoding.sample_leaf(
        record.run.encode(),
        record.index,
        seed,
        media_type.encode(),
        digest,
        None if flaw is None else flaw.encode(),
        None if canonical is None else canonical.encode(),
        None if identity is None else identity.encode(),
        None if reviews is None else reviews.encode(),
        encoding.commitment(salt, b"parameters", parameters.encode()) if parameters else b"",
        encoding.commitment(salt, b"prompt", prompt.encode()) if prompt else b"",
        encoding.blind(salt or b"") if version > 1 else None,
    )
    kept = payload if len(payload) <= inline else None
    found = (flaw, canonical, identity, reviews, parameters, prompt, salt, leaf)
    return SampleRow._make((record.index, seed, media_type, digest, kept, *found))


def new_rows(records: Sequence[Record], *, inline: int = INLINE) -> list[SampleRow]:
    """Return the rows of new records, each with a salt of its own."""
    salts = os.urandom(16 * len(records))
    return [sample_row(record, salts[16 * i : 16 * i + 16], inline=inline) for i, record in enumerate(records)]


def record_from(row: Sequence[Any], payload: bytes) -> Record:
    """Return the record of a row of `queries.SAMPLES` without its last two columns, and of its payload."""
    run, index, seed, media_type, flaw, canonical, identity, reviews, parameters, prompt = row
    return Record(
        run=run,
        index=index,
        seed=encoding.unsigned(seed),
        payload=payload,
        media_type=media_type,
        flaw=flaw,
        canonical=canonical,
        identity=identity,
        parameters=parameters,
        prompt=prompt,
        reviews=_reviews(reviews) if reviews else (),
    )


def run_from(row: Any) -> Run:
    """Return the run of a row of `queries.RUNS`, in the state that its last end left it in."""
    return Run(
        id=row.uid,
        kind=row.kind,
        domain=row.domain,
        environment=Environment.from_json(json.loads(row.body)),
        model=row.model,
        checkpoint=row.checkpoint,
        config=json.loads(row.config),
        seed=encoding.unsigned(row.seed),
        planned=row.planned,
        parent=row.parent,
        state=row.state or "running",
        error=row.error,
        notes=tuple(json.loads(row.notes or "[]")) if row.erased is None else (f"it was erased: {row.erased}",),
        started=row.started_ns,
        finished=row.finished_ns,
        actor=row.actor,
    )


def run_digest(row: Mapping[str, Any]) -> bytes:
    """Return what the ledger commits to for the start of a run: its columns, and what some of them stand for.

    row: with `environment`, the digest of that, and `actor`, the name of who started it; None for version 1
    """
    actor = row.get("actor")
    return encoding.digest(
        "genwright/run/v1" if actor is None else "genwright/run/v2",
        *(row["uid"], row["kind"], row["domain"], row["environment"]),
        *(row["model"], row["checkpoint"], row["parent"]),
        encoding.commitment(row["salt"], b"config", row["config"].encode()),
        *(row["seed"], row["planned"], row["started_ns"]),
        *(() if actor is None else (actor,)),
    )


def end_digest(row: Mapping[str, Any]) -> bytes:
    """Return what the ledger commits to for the end of a run: its columns, and `uid`, the run's id."""
    error, salt = row["error"], row["salt"]
    return encoding.digest(
        "genwright/end/v1",
        *(row["uid"], row["state"]),
        None if error is None else encoding.commitment(salt, b"error", error.encode()),
        encoding.commitment(salt, b"notes", row["notes"].encode()),
        row["finished_ns"],
    )


def checkpoint_digest(checkpoint: StoredCheckpoint) -> bytes:
    """Return what the ledger commits to for a checkpoint."""
    files = [part for path, (digest, size) in sorted(checkpoint.files.items()) for part in (path, digest, size)]
    return encoding.digest(
        "genwright/checkpoint/v1", checkpoint.digest, checkpoint.name, checkpoint.domain, checkpoint.card, *files
    )


def checkpoint_from(row: Any, files: Sequence[Any]) -> StoredCheckpoint:
    """Return the checkpoint of a row and of the rows of its files."""
    return StoredCheckpoint(
        digest=row.digest,
        name=row.name,
        domain=row.domain,
        card=row.card,
        files={file.path: (file.digest, file.size) for file in files},
    )


def score_row(score: Score, run_id: int, seq: int) -> dict[str, Any]:
    """Return the row of a score."""
    return {
        "run_id": run_id,
        "idx": score.index,
        "metric": score.metric,
        # SQL has no NaN.
        "value": None if math.isnan(score.value) else score.value,
        "error": score.error,
        "detail": score.detail,
        "seq": seq,
    }


def score_from(row: Any) -> Score:
    """Return the score of a row."""
    value = math.nan if row.value is None else row.value
    return Score(metric=row.metric, value=value, error=row.error, detail=row.detail, index=row.idx)


def scores_digest(run: str, scores: Sequence[Score]) -> bytes:
    """Return what the ledger commits to for scores that were put together."""
    return scores_content(run, map(score_digest, scores))


def scores_content(run: str, digests: Iterable[bytes]) -> bytes:
    """Return what the ledger commits to for scores of these digests."""
    return encoding.digest("genwright/scores/v1", run, *digests)


def score_digest(score: Score) -> bytes:
    """Return the digest of a score, by which it stands in the ledger also after it was erased."""
    return encoding.digest("genwright/score/v1", score.metric, score.value, score.error, score.detail, score.index)


def _reviews_text(reviews: Sequence[Review]) -> str:
    return json.dumps([[r.reviewer, r.passed, r.reason] for r in reviews], ensure_ascii=False)


def _reviews(text: str) -> tuple[Review, ...]:
    return tuple(Review(reviewer=name, passed=passed, reason=reason) for name, passed, reason in json.loads(text))
