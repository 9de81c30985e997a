"""Which tables are evidence, which entries of the ledger their rows have, and what of a row may ever change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column

from genwright_storage.tables import (
    batch,
    checkpoint,
    hold,
    retention,
    review,
    role_grant,
    run,
    run_end,
    score,
    signing_key,
    tombstone,
)

__all__ = ["ENDS", "ERASABLE", "EVIDENCE", "LOGGED", "TARGETS", "TERMS"]

LOGGED: Mapping[str, Column[Any]] = {
    "run": run.c.seq,
    "end": run_end.c.seq,
    "checkpoint": checkpoint.c.seq,
    "scores": score.c.seq,
    "samples": batch.c.seq,
    "key": signing_key.c.seq,
    "review": review.c.seq,
    "erasure": tombstone.c.seq,
    "hold": hold.c.seq,
    "release": hold.c.ended_seq,
    "retention": retention.c.seq,
    "retention-end": retention.c.ended_seq,
    "grant": role_grant.c.seq,
    "revocation": role_grant.c.ended_seq,
}
"""Where rows have the number of their entry, by the kind of entry."""

EVIDENCE = (
    *("batch", "checkpoint", "checkpoint_file", "environment", "log_entry", "log_tile", "note"),
    *("signing_key", "tombstone"),
)
"""Tables whose rows never change."""

ERASABLE: Mapping[str, tuple[str, ...]] = {
    "run": (
        *("id", "uid", "kind", "environment_id", "actor_id", "model", "checkpoint"),
        *("parent", "planned", "started_ns", "seq"),
    ),
    "run_end": ("id", "run_id", "state", "finished_ns", "seq"),
    "sample": ("id", "run_id", "idx", "batch_id", "leaf"),
    "score": ("id", "run_id", "seq"),
    "review": ("id", "run_id", "idx", "actor_id", "accepted", "verifier", "created_ns", "seq"),
}
"""What an erasure leaves as it is; all else it may change, under a tombstone of the row."""

TARGETS = {"run": "run", "run_end": "end", "sample": "sample", "score": "score", "review": "review"}
"""The kind that tombstones of the rows of an erasable table have."""

TERMS = ("hold", "retention", "role_grant")
"""Tables whose rows are ended once, and otherwise never change."""

ENDS = ("ended_by", "ended_reason", "ended_ns", "ended_seq")
"""What is filled in when one ends."""
