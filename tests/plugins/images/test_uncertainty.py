from __future__ import annotations

import math

import numpy as np
import pytest

from genwright_images.uncertainty import jackknife_error, proportion_error


def test_the_error_of_a_proportion_is_binomial_for_many() -> None:
    assert proportion_error(250_000, 1_000_000) == pytest.approx(math.sqrt(0.25 * 0.75 / 1e6), rel=1e-3)


def test_the_error_of_all_is_not_zero_and_of_nothing_is_none() -> None:
    assert proportion_error(20, 20) == pytest.approx(math.sqrt(2 / 24 * 22 / 24 / 24))
    assert proportion_error(0, 0) is None


def test_the_jackknife_of_a_mean_is_the_error_of_the_mean() -> None:
    values = np.array([1.0, 2.0, 4.0, 8.0])
    partial = [float(np.delete(values, index).mean()) for index in range(4)]
    assert jackknife_error(partial) == pytest.approx(values.std(ddof=1) / 2)


def test_fewer_than_two_have_no_error() -> None:
    assert jackknife_error([1.0]) is None
    assert jackknife_error([]) is None
