"""What is wrong in files is tried in test_imports.py, as users meet it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from genwright.entries import Unreadable, entry, facts, from_text, with_origins
from genwright.exporters.row import row
from genwright.run import Run
from genwright.samples import Review
from genwright.store import Record, StoredCheckpoint, files_digest, open_store
from genwright.testing.stores import make_record, make_run


def honest(digest: str = "12" * 32) -> StoredCheckpoint:
    """Return a checkpoint whose digest is that of its files."""
    card = '{"steps": 1}'
    files = {"weights.safetensors": (digest, 9), "card.json": (hashlib.sha256(card.encode()).hexdigest(), len(card))}
    return StoredCheckpoint(digest=files_digest(files), name="x", domain="molecules", card=card, files=files)


def told(record: Record, run: Run) -> dict[str, Any]:
    return {**row(record, run), **facts(record), "origin": None}


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": b""},
        {"payload": b"\xff\x00"},
        {"payload": bytes(range(256)), "media_type": "image/png"},
        {"payload": "ä\n\u2028".encode(), "media_type": "application/json"},
        {"seed": 2**64 - 1, "index": 2**63 - 1},
        {"seed": -(2**63)},
        {"parameters": "{}", "prompt": "x", "reviews": (Review(reviewer="a", passed=True, reason=""),)},
    ],
)
def test_a_record_is_read_as_it_was_told(changes: dict[str, Any]) -> None:
    run = make_run()
    record = make_record(run, **{"index": 0, **changes})
    assert entry("line 1", from_text("line 1", told(record, run))) == (record, None, None)


def test_a_run_is_read_with_its_checkpoint() -> None:
    store = open_store("memory:")
    checkpoint = honest()
    store.put_checkpoint(checkpoint)
    run = make_run(checkpoint=checkpoint.digest, notes=("a", "b"), state="failed", error="x", finished=5)
    ((record, _, origin),) = with_origins(iter([(make_record(run, 0), run)]), store)
    found = entry("line 1", from_text("line 1", told(record, run) | {"origin": origin}))
    assert found == (record, run, checkpoint)


def test_a_run_whose_checkpoint_is_not_stored_has_none() -> None:
    run = make_run()
    ((_, _, origin),) = with_origins(iter([(make_record(run, 0), run)]), open_store("memory:"))
    assert origin["checkpoint"] is None


def test_what_is_wrong_is_told_with_its_place() -> None:
    run = make_run()
    with pytest.raises(Unreadable, match=r"^line 7: index is a whole number; got None$"):
        entry("line 7", from_text("line 7", told(make_record(run, 0), run) | {"index": None}))


def test_a_card_may_have_the_line_ends_of_windows() -> None:
    """Stores keep the text of a card, and its file may have other ends of lines."""
    store, card = open_store("memory:"), '{\n"steps": 1\n}\n'
    files = {"card.json": (hashlib.sha256(card.replace("\n", "\r\n").encode()).hexdigest(), 20)}
    checkpoint = StoredCheckpoint(digest=files_digest(files), name="x", domain="molecules", card=card, files=files)
    store.put_checkpoint(checkpoint)
    run = make_run(checkpoint=checkpoint.digest)
    ((record, _, origin),) = with_origins(iter([(make_record(run, 0), run)]), store)
    assert entry("line 1", from_text("line 1", told(record, run) | {"origin": origin})).checkpoint == checkpoint
