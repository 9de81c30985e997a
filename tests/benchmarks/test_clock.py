from __future__ import annotations

from benchmarks.clock import Repeated, interleaved


def test_the_middle_and_the_ends_of_what_was_measured() -> None:
    repeated = Repeated((3.0, 1.0, 9.0))
    assert repeated.median == 3.0
    assert repeated.spread == (1.0, 9.0)


def test_work_is_done_in_turns_after_one_that_does_not_count() -> None:
    done: list[str] = []
    times = iter(range(100))
    seconds = interleaved(
        {"a": lambda: done.append("a"), "b": lambda: done.append("b")}, repetitions=2, clock=lambda: next(times)
    )
    assert done == ["a", "b", "a", "b", "a", "b"]
    assert seconds == {"a": Repeated((1, 1)), "b": Repeated((1, 1))}


def test_what_was_measured_is_counted_a_second_and_beside_something_else() -> None:
    assert Repeated((2.0, 4.0)).rate(8) == Repeated((4.0, 2.0))
    assert Repeated((2.0, 4.0)).over(Repeated((1.0, 8.0))) == Repeated((2.0, 0.5))


def test_work_may_be_measured_from_the_first_time_on() -> None:
    done: list[str] = []
    interleaved({"a": lambda: done.append("a")}, repetitions=2, clock=lambda: 0.0, warm=False)
    assert done == ["a", "a"]
