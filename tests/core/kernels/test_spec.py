"""What operations are held to."""

from __future__ import annotations

import math

import pytest
import torch

from genwright.kernels.spec import distance


def test_the_distance_is_a_share_of_what_was_expected() -> None:
    expected = torch.tensor([3.0, 4.0])
    assert distance(expected + torch.tensor([0.0, 0.05]), expected) == pytest.approx(0.01, rel=1e-5)
    assert distance(expected, expected) == 0
    assert distance(torch.tensor([0.5]), torch.zeros(1)) == 0.5
    assert distance(torch.zeros(0), torch.zeros(0)) == 0


def test_what_is_not_finite_must_be_in_the_same_places() -> None:
    expected = torch.tensor([1.0, math.nan, math.inf, -math.inf])
    assert distance(expected.clone(), expected) == 0
    for wrong in ([1.0, 2.0, math.inf, -math.inf], [1.0, math.nan, -math.inf, -math.inf], [math.nan] * 4):
        assert distance(torch.tensor(wrong), expected) == math.inf
    assert distance(torch.ones(2), torch.ones(3)) == math.inf
