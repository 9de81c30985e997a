from __future__ import annotations

import pytest
import torch

from benchmarks.clock import Repeated
from benchmarks.roofline import Roofline, measured


def test_a_call_takes_as_long_as_the_slower_of_moving_and_computing() -> None:
    roofline = Roofline(read=Repeated((10e9,)), copied=Repeated((20e9,)), products={torch.float32: Repeated((100e9,))})
    assert roofline.bandwidth == 20e9
    assert roofline.seconds(traffic=20_000_000, work=1, dtype=torch.float32) == pytest.approx(1e-3)
    assert roofline.seconds(traffic=20_000_000, work=200_000_000, dtype=torch.float32) == pytest.approx(2e-3)


def test_a_machine_is_measured_once() -> None:
    found = measured(torch.device("cpu"), small=True)
    assert measured(torch.device("cpu"), small=True) is found
    assert 1e8 < found.bandwidth < 1e13
    assert found.products.keys() == {torch.float32, torch.bfloat16}
    assert all(1e8 < rate.median < 1e15 for rate in found.products.values())
