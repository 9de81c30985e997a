from __future__ import annotations

from benchmarks.cases.store.questions import asked, not_built
from benchmarks.row import at_most


def test_questions_are_asked_three_times_after_one_that_warms_up() -> None:
    done: list[str] = []
    questions = [lambda: done.append("a"), lambda: done.append("b")]
    row = asked("search", "by name", questions, target=at_most(50), note="One each.")
    assert done == ["a", *("a", "b") * 3]
    assert (row.unit, row.verdict) == ("ms", "pass")
    assert row.note.startswith("One each. The slowest of 6 took ")


def test_what_is_not_built_says_so() -> None:
    row = not_built("proof", "a proof", at_most(5), "prove")
    assert (row.value, row.verdict, row.note) == (None, "not measured", "Not built: the store has no `prove`.")
