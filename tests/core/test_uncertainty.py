from __future__ import annotations

import math

import numpy as np
import pytest

from genwright.metrics import NOTHING, Value
from genwright.uncertainty import jackknife_error, mean_error, proportion, proportion_error


def test_the_error_of_a_proportion_is_binomial_for_many() -> None:
    assert proportion_error(250_000, 1_000_000) == pytest.approx(math.sqrt(0.25 * 0.75 / 1e6), rel=1e-3)


@pytest.mark.parametrize("successes", [0, 20])
def test_the_error_of_all_or_none_is_not_zero(successes: int) -> None:
    error = proportion_error(successes, 20)
    assert error is not None
    assert error == pytest.approx(math.sqrt(2 / 24 * 22 / 24 / 24))


def test_a_proportion_has_its_error_and_nothing_has_none() -> None:
    assert proportion(5, 20) == Value(value=0.25, error=proportion_error(5, 20), count=20)
    assert proportion(0, 0) is NOTHING
    assert math.isnan(NOTHING.value)


def test_the_error_of_a_mean_is_that_of_the_textbook() -> None:
    assert mean_error(np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(math.sqrt(5 / 3 / 4))


def test_the_jackknife_of_a_mean_is_the_error_of_the_mean() -> None:
    values = np.array([1.0, 2.0, 4.0, 8.0])
    partial = [float(np.delete(values, index).mean()) for index in range(4)]
    assert jackknife_error(partial) == pytest.approx(mean_error(values))


def test_too_few_values_have_no_error() -> None:
    assert proportion_error(0, 0) is None
    assert mean_error(np.array([1.0])) is None
    assert jackknife_error([1.0]) is None
    assert jackknife_error([]) is None
