from __future__ import annotations

from benchmarks.cases.store.questions import asked
from benchmarks.row import at_most


def test_questions_are_asked_three_times_after_one_that_warms_up() -> None:
    done: list[str] = []
    questions = [lambda: done.append("a"), lambda: done.append("b")]
    row = asked("search", "by name", questions, target=at_most(50), note="One each.")
    assert done == ["a", *("a", "b") * 3]
    assert (row.unit, row.verdict) == ("ms", "pass")
    assert row.note.startswith("One each. The slowest of 6 took ")
