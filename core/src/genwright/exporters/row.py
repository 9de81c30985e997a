"""What a table tells of a sample."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from genwright.run import Run
from genwright.store import Record, is_text

__all__ = ["COLUMNS", "Origin", "Row", "row"]

Origin = tuple[Record, Run]
"""A sample as its store keeps it, with its run."""
Row = Mapping[str, str | int | None]

COLUMNS = ("id", "item", "flaw", "canonical", "identity", "run", "index", "seed", "domain", "model", "checkpoint")
"""What a table tells of each sample; `checkpoint` is the digest of the model. An item that is no text is a data URL."""


def row(record: Record, run: Run) -> Row:
    """Return what a table tells of a sample."""
    values = (record.id, _item(record), record.flaw, record.canonical, record.identity, run.id, record.index)
    return dict(zip(COLUMNS, (*values, record.seed, run.domain, run.model, run.checkpoint), strict=True))


def _item(record: Record) -> str:
    if is_text(record.media_type):
        return record.payload.decode(errors="replace")
    return f"data:{record.media_type};base64,{base64.b64encode(record.payload).decode()}"
