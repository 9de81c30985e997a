from __future__ import annotations

import signal
import threading

import pytest

from genwright.interruption import postponed

pytestmark = pytest.mark.usefixtures("interruptible")


def pressed(times: int, done: list[str], error: Exception | None = None) -> None:
    """Press Ctrl-C in the midst of something, which may fail after that."""
    with postponed():
        for _time in range(times):
            signal.raise_signal(signal.SIGINT)
        if error is not None:
            raise error
        done.append("whole")


def test_what_is_begun_is_finished_before_it_is_interrupted() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        pressed(1, done)
    assert done == ["whole"]


def test_a_second_interruption_does_not_wait() -> None:
    done: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        pressed(2, done)
    assert done == []


def test_without_an_interruption_nothing_is_raised() -> None:
    done: list[str] = []
    pressed(0, done)
    assert done == ["whole"]


def test_what_goes_wrong_is_raised_as_it_is() -> None:
    with pytest.raises(ValueError, match="wrong"):
        pressed(1, [], ValueError("wrong"))


@pytest.mark.parametrize("times", [0, 1, 2])
def test_python_s_own_handler_is_put_back(times: int) -> None:
    try:
        pressed(times, [])
    except KeyboardInterrupt:
        assert times > 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_handler_of_an_application_is_left_alone() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        pressed(1, [])
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


def test_in_another_thread_nothing_changes() -> None:
    """Python refuses to set a handler there."""
    done: list[str] = []
    thread = threading.Thread(target=pressed, args=(0, done))
    thread.start()
    thread.join()
    assert done == ["whole"]
