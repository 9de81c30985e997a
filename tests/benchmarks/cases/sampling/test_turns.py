from __future__ import annotations

import time

import pytest
import torch

from benchmarks.cases.sampling.turns import turns, unit

CPU = torch.device("cpu")


def busy() -> None:
    end = time.process_time() + 2e-3
    while time.process_time() < end:
        pass


@pytest.mark.parametrize("warm", [True, False])
def test_all_are_done_in_turns_and_counted_by_processor_time(warm: bool) -> None:
    done: list[str] = []
    work = {name: lambda name=name: (done.append(name), busy()) for name in "ab"}
    found = turns(work, 10, CPU, repetitions=2, warm=warm)  # type: ignore[arg-type]
    assert "".join(done) == "ab" * (2 + warm)
    assert len(found["a"].values) == 2
    assert 2_000 < found["a"].median <= 5_000


def test_the_unit_says_whose_seconds_they_are() -> None:
    assert (unit(CPU), unit(torch.device("cuda"))) == ("/CPU-s", "/s")
