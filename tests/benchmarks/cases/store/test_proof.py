from __future__ import annotations

from typing import Any

import pytest

from benchmarks.cases.store import proof
from benchmarks.setting import Setting
from genwright_storage.evidence import prove


def test_samples_drawn_at_random_are_proven(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def proven(store: Any, id: str) -> Any:
        asked.append(id)
        return prove(store, id)

    monkeypatch.setattr(proof, "prove", proven)
    (row,) = proof.rows(setting)
    assert row.name == "SQLite, the proof of one of 80 samples"
    assert row.value is not None
    assert len(asked) == 7
    assert all(0 <= int(id.partition("/")[2]) < 80 for id in asked)
