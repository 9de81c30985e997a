from __future__ import annotations

import pytest

from benchmarks.cases.store import proof
from benchmarks.setting import Setting
from genwright_storage.store import SQLStore


def test_samples_drawn_at_random_are_proven(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(SQLStore, "prove", lambda store, id: asked.append(id), raising=False)
    (row,) = proof.rows(setting)
    assert (row.name, row.verdict) == ("SQLite, the proof of one of 80 samples", "pass")
    assert len(asked) == 7
    assert all(0 <= int(id.partition("/")[2]) < 80 for id in asked)


def test_where_there_are_no_proofs_that_is_told(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(SQLStore, "prove", raising=False)
    (row,) = proof.rows(setting)
    assert (row.value, row.note) == (None, "Not built: the store has no `prove`.")
