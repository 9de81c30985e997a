from __future__ import annotations

from benchmarks.cases.store import search
from benchmarks.setting import Setting


def test_each_kind_of_question_is_measured(setting: Setting) -> None:
    rows = list(search.rows(setting))
    kinds = [row.name.split(", ")[1] for row in rows]
    for kind in ("by identity", "by a rare word", "by a range of scores", "by a range of a condition"):
        assert kind in kinds
    assert all(row.value is not None and row.value > 0 for row in rows)
