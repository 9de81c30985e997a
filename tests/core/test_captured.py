from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from genwright import captured
from genwright.captured import Captured, waits
from genwright.kernels import recorded
from genwright.kernels.geglu.spec import geglu
from tests.core.tapes import in_the_small


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """As if on a GPU, with tapes for graphs; places that are put into this list wait for it."""
    with in_the_small(monkeypatch) as found:
        yield found


class Calls:
    """A function that counts its calls and keeps a sum in a tensor."""

    def __init__(self) -> None:
        self.count, self.sum = 0, torch.zeros(3)

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        self.count += 1
        self.sum.add_(x)
        return self.sum * y + torch.full((3,), 0.5)


X, Y = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2.0, 0.0, -1.0])


def test_on_a_cpu_a_function_is_called_each_time() -> None:
    calls = Calls()
    made = Captured(calls, what="adding")
    for count in (1, 2, 3):
        assert torch.equal(made(X, Y), count * X * Y + 0.5)
    assert calls.count == 3


@pytest.mark.usefixtures("places")
def test_the_second_call_is_recorded_and_from_then_on_replayed_with_each_calls_arguments() -> None:
    calls, total = Calls(), torch.zeros(3)
    made = Captured(calls, what="adding")
    found = []
    for number in range(5):
        total += X + number
        found.append((made(X + number, Y * number), total * (Y * number) + 0.5))
    assert calls.count == 2
    assert all(torch.equal(*pair) for pair in found)


@pytest.mark.usefixtures("places")
def test_a_recording_computes_nothing_but_what_its_replay_does() -> None:
    calls = Calls()
    made = Captured(calls, what="adding")
    made(X, Y)
    made(X, Y)
    assert (calls.count, calls.sum.tolist()) == (2, (2 * X).tolist())


@pytest.mark.usefixtures("places")
def test_arguments_of_another_shape_are_not_replayed() -> None:
    made = Captured(lambda x: x.cumsum(0), what="adding")
    for size in (3, 3, 4, 3):
        x = torch.arange(size) + 1.0
        assert torch.equal(made(x), x.cumsum(0))
    assert torch.equal(made(x.double()), x.double().cumsum(0))


@pytest.mark.usefixtures("places")
def test_what_is_recorded_has_been_called_with_such_arguments_before() -> None:
    calls: list[int] = []
    made = Captured(lambda x: (calls.append(len(x)), x + 1)[1], what="adding")
    for size in (3, 4, 4, 3, 3, 3):
        assert torch.equal(made(torch.ones(size)), torch.full((size,), 2.0))
    assert calls == [3, 4, 4, 3]


def test_a_function_that_waits_is_called_each_time_and_told_once(places: list[str]) -> None:
    calls = Calls()
    places.append("net.py:7")
    made = Captured(calls, what="adding")
    made(X, Y)
    with pytest.warns(UserWarning, match=r"^adding is launched on a GPU as one graph .*; net\.py:7 waits for it\. It "):
        made(X, Y)
    for count in (3, 4):
        assert torch.equal(made(X, Y), count * X * Y + 0.5)
    assert calls.count == 4


def test_a_function_that_waits_once_to_set_something_up_is_recorded_a_call_later(places: list[str]) -> None:
    calls = Calls()
    made = Captured(calls, what="adding")
    places.append("net.py:7")
    made(X, Y)
    places.clear()
    for count in (2, 3, 4, 5):
        assert torch.equal(made(X, Y), count * X * Y + 0.5)
    assert calls.count == 3


@pytest.mark.usefixtures("places")
def test_a_recording_that_fails_is_told_once_and_the_function_called_each_time() -> None:
    made = Captured(lambda x: x * float(x[0]), what="scaling")
    assert torch.equal(made(X), X)
    with pytest.warns(UserWarning, match=r"scaling is .*; recording it failed: operation not permitted when stream is"):
        assert torch.equal(made(2 * X), 4 * X)
    assert torch.equal(made(3 * X), 9 * X)


def test_of_a_recording_that_fails_the_first_line_of_the_first_error_is_told(
    places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(function: object, given: tuple[Tensor, ...]) -> None:
        try:
            raise RuntimeError("it waited\nsearch for it elsewhere")
        finally:
            raise RuntimeError("something failed before")

    monkeypatch.setattr(captured, "recorded", failing)
    made = Captured(lambda x: x * 2, what="scaling")
    made(X)
    with pytest.warns(UserWarning, match=r"; recording it failed: it waited\. It runs"):
        assert torch.equal(made(X), 2 * X)


@pytest.mark.usefixtures("places")
def test_what_kernels_choose_is_noted_though_nothing_is_chosen_in_a_replay() -> None:
    made = Captured(lambda x: geglu(x), what="gating")
    made(torch.ones(2, 4))
    for expected in ({"geglu": ["reference"]}, {}):
        with recorded() as chosen:
            made(torch.ones(2, 4))
        assert chosen == expected


class Debug:
    """PyTorch's look-out for operations that wait, which only a GPU's build has."""

    def __init__(self) -> None:
        self.mode: int | str = 0

    def get(self) -> int | str:
        return self.mode

    def set(self, mode: int | str) -> None:
        self.mode = mode
        warnings.warn("Synchronization debug mode is a prototype feature", stacklevel=1)


def test_places_that_wait_are_written_down_and_other_warnings_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    debug = Debug()
    monkeypatch.setattr(torch.cuda, "get_sync_debug_mode", debug.get)
    monkeypatch.setattr(torch.cuda, "set_sync_debug_mode", debug.set)

    def watched() -> list[str]:
        with waits() as places:
            assert debug.mode == "warn"
            for _ in range(2):
                warnings.warn("called a synchronizing CUDA operation (Triggered internally at x.cpp:3)", stacklevel=1)
            warnings.warn("something else", stacklevel=1)
        return places

    with pytest.warns(UserWarning, match="^something else$") as seen:
        places = watched()
    assert (debug.mode, len(seen)) == (0, 1)
    assert [place.split(":")[0] for place in places] == [__file__] * 2
