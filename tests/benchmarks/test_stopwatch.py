from __future__ import annotations

import time

import torch

from benchmarks.stopwatch import timed


def test_what_takes_longer_is_told_to() -> None:
    def busy(seconds: float) -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    found = timed({"short": lambda: busy(1e-3), "long": lambda: busy(4e-3)}, torch.device("cpu"), seconds=0.03)
    assert len(found["short"].values) == len(found["long"].values) == 7
    assert 0.9e-3 < found["short"].median < 2e-3
    assert 3.9e-3 < found["long"].median < 6e-3


def test_what_takes_long_is_called_once_a_round_and_what_is_short_often() -> None:
    calls = {"short": 0, "long": 0}

    def call(name: str, seconds: float) -> None:
        calls[name] += 1
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    work = {"short": lambda: call("short", 1e-4), "long": lambda: call("long", 0.02)}
    timed(work, torch.device("cpu"), seconds=0.03, rounds=3)
    assert calls["long"] == 1 + 3
    assert calls["short"] > 30
