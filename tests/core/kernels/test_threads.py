"""Parts of work are each done once, on as many threads as are worth it."""

from __future__ import annotations

import threading

import pytest
import torch

from genwright.kernels.threads import shared


@pytest.mark.parametrize(
    ("threads", "count", "work", "parts"),
    [
        (1, 10, 100, [(0, 10)]),
        (3, 10, 100, [(0, 3), (3, 6), (6, 10)]),
        (3, 10, 2, [(0, 5), (5, 10)]),
        (3, 10, 0, [(0, 10)]),
        (3, 2, 100, [(0, 1), (1, 2)]),
        (3, 0, 100, [(0, 0)]),
    ],
)
def test_each_part_is_done_once(
    threads: int, count: int, work: int, parts: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    done: list[tuple[int, int]] = []
    shared(lambda first, last: done.append((first, last)), count, work=work, worth=1)
    assert sorted(done) == parts


def test_the_caller_does_the_first_and_waits_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    names: dict[int, str] = {}

    def some(first: int, last: int) -> None:
        names[first] = threading.current_thread().name

    shared(some, 2, work=2, worth=1)
    assert names[0] == threading.current_thread().name
    assert names[1].startswith("genwright-kernels")


def test_what_goes_wrong_on_a_thread_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)

    def some(first: int, last: int) -> None:
        if first:
            raise ArithmeticError("in part 1")

    with pytest.raises(ArithmeticError, match="in part 1"):
        shared(some, 2, work=2, worth=1)
