from __future__ import annotations

import pytest

from benchmarks.rates import Rate, Spent, rate_row, rates, ratio_row, spent
from benchmarks.row import at_least

OURS = Rate([Spent(100, 1.0, 0.02), Spent(100, 2.0, 0.03), Spent(100, 0.5, 0.01)])
OTHER = Rate([Spent(10, 1.0, 0.02), Spent(10, 1.0, 0.05), Spent(10, 1.0, 0.03)])


def test_a_rate_is_by_the_clock_and_the_processor() -> None:
    assert (OURS.each.median, OURS.each.spread) == (100.0, (50.0, 200.0))
    assert OURS.processor == pytest.approx(200.0)


def test_work_is_timed_on_the_clock_and_by_the_processor() -> None:
    done: list[int] = []
    found = spent(3, lambda: done.append(1))
    assert (found.count, done) == (3, [1])
    assert found.clock > 0
    assert found.processor >= 0


def test_each_measures_itself_and_all_take_turns() -> None:
    done: list[str] = []

    def work(name: str) -> Spent:
        done.append(name)
        return Spent(len(done), 1.0, 1.0)

    found = rates({"a": lambda: work("a"), "b": lambda: work("b")}, rounds=2)
    assert done == ["a", "b", "a", "b"]
    assert [round.count for round in found["a"].rounds] == [1, 3]


def test_a_row_of_rates_names_the_others_and_how_ours_stands_to_each() -> None:
    row = rate_row("s", "n", {"ours": OURS, "other": OTHER}, target=at_least(60), note="And more.")
    assert (row.value, row.unit, row.spread, row.verdict) == (100.0, "rows/s", (50.0, 200.0), "pass")
    assert row.peers == {"other": 10.0}
    assert row.note == "10 times other, which takes 3e+03 CPU-µs. And more."


def test_a_row_of_a_ratio_has_the_median_of_the_rounds_ratios() -> None:
    row = ratio_row("s", "n", OURS, ("other 1.0", OTHER), target=at_least(100), note="Why.")
    assert (row.value, row.unit, row.spread, row.verdict) == (10.0, "times", (5.0, 20.0), "FAIL")
    assert row.note == "other 1.0: 10/s (10 to 10), 3,000 CPU-µs each; ours: 100/s. Why."
