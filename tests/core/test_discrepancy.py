from __future__ import annotations

import numpy as np
import pytest
from numpy import ndarray

from genwright.discrepancy import distances, mean_of_pairs
from genwright.uncertainty import jackknife_error


def rows(count: int, *, seed: int, shift: float = 0.0) -> ndarray:
    return (np.random.default_rng(seed).normal(size=(count, 4)) + shift).astype(np.float32)


def direct(x: ndarray, y: ndarray) -> float:
    """Return the estimate by the sums over pairs that the paper writes down."""

    def kernel(a: ndarray, b: ndarray) -> float:
        return float((a.astype(float) @ b / len(a) + 1) ** 3)

    n, m = len(x), len(y)
    inner = sum(kernel(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    other = sum(kernel(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return inner + other - 2 * sum(kernel(a, b) for a in x for b in y) / (n * m)


def test_it_is_the_sum_over_pairs() -> None:
    x, y = rows(45, seed=0, shift=0.5), rows(30, seed=1)
    value, partial = distances(x, y, mean_of_pairs(y))
    assert value == pytest.approx(direct(x, y), rel=1e-4)
    assert len(partial) == 20
    without_third = np.delete(x, slice(2, None, 20), axis=0)
    assert partial[2] == pytest.approx(direct(without_third, y), rel=1e-4)


def test_few_samples_have_a_value_and_no_error() -> None:
    x, y = rows(5, seed=0), rows(30, seed=1)
    value, partial = distances(x, y, mean_of_pairs(y))
    assert value == pytest.approx(direct(x, y), rel=1e-4)
    assert partial == []


def test_sets_larger_than_a_block_are_summed_whole() -> None:
    y = rows(2_300, seed=1)
    product = (y.astype(float) @ y.T / 4 + 1) ** 3
    expected = (product.sum() - np.trace(product)) / (2_300 * 2_299)
    assert mean_of_pairs(y) == pytest.approx(expected, rel=1e-5)


def test_it_has_no_bias_and_its_error_is_what_it_varies_by() -> None:
    y = rows(4_000, seed=99)
    within = mean_of_pairs(y)
    found = [distances(rows(60, seed=seed, shift=0.4), y, within) for seed in range(60)]
    values = np.array([value for value, _ in found])
    exact = distances(rows(4_000, seed=1_000, shift=0.4), y, within)[0]
    assert abs(values.mean() - exact) < 4 * values.std() / 60**0.5
    errors = [jackknife_error(partial) for _, partial in found]
    assert np.mean([error for error in errors if error is not None]) == pytest.approx(values.std(), rel=0.35)


def test_equal_distributions_are_no_distance_apart_on_average() -> None:
    y = rows(4_000, seed=99)
    within = mean_of_pairs(y)
    values = np.array([distances(rows(50, seed=seed), y, within)[0] for seed in range(80)])
    assert abs(values.mean()) < 4 * values.std() / 80**0.5
    assert (values < 0).any()
