from __future__ import annotations

import pytest

from benchmarks.cases.store import search
from benchmarks.setting import Setting
from genwright_storage.store import SQLStore


def test_what_can_be_asked_is_measured_and_the_rest_is_told(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(SQLStore, "search", raising=False)
    rows = list(search.rows(setting))
    assert [row.name.split(", ")[1] for row in rows] == [
        "by identity",
        "by a text that is in one sample",
        "by a range of scores",
        "by a range of a condition",
    ]
    assert [row.verdict for row in rows] == ["pass", "pass", "not measured", "not measured"]
    assert rows[-1].note == "Not built: the store has no `search`."
