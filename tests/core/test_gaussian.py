from __future__ import annotations

import math

import numpy as np
import pytest
from numpy import ndarray
from scipy.linalg import sqrtm

from genwright.errors import UsageError
from genwright.gaussian import Gaussian, frechet_distance, frechet_value


def normal(mean: list[float], covariance: list[list[float]]) -> Gaussian:
    return Gaussian(count=101, mean=np.array(mean, float), scatter=100 * np.array(covariance, float))


def rows(count: int, *, seed: int = 0) -> ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3)) @ np.array([[1.0, 2, 0], [0, 1, 3], [0, 0, 1]])


def test_it_has_the_mean_and_covariance_of_the_rows() -> None:
    found = Gaussian.fit(rows(50))
    np.testing.assert_allclose(found.mean, rows(50).mean(0))
    np.testing.assert_allclose(found.covariance, np.cov(rows(50).T))


def test_parts_merge_to_the_whole() -> None:
    data = rows(50)
    merged = Gaussian.merged([Gaussian.fit(data[:1]), Gaussian.fit(data[1:20]), Gaussian.fit(data[20:])])
    np.testing.assert_allclose(merged.mean, data.mean(0))
    np.testing.assert_allclose(merged.covariance, np.cov(data.T))


def test_one_row_has_no_covariance() -> None:
    with pytest.raises(UsageError, match=r"at least 2 samples; got 1\. Draw more samples"):
        _ = Gaussian.fit(rows(1)).covariance


def test_scaling_it_is_scaling_the_rows() -> None:
    mean, deviation = np.array([1.0, 2, 3]), np.array([0.5, 2, 4])
    found = Gaussian.fit(rows(50)).scaled(mean, deviation)
    expected = Gaussian.fit((rows(50) - mean) / deviation)
    np.testing.assert_allclose(found.mean, expected.mean)
    np.testing.assert_allclose(found.scatter, expected.scatter)


def test_it_comes_back_from_its_arrays() -> None:
    one = Gaussian.fit(rows(9))
    other = Gaussian.of_arrays(one.to_arrays())
    assert other.count == 9
    np.testing.assert_array_equal(other.scatter, one.scatter)


def test_the_distance_of_commuting_covariances_is_that_of_their_roots() -> None:
    one, other = normal([0, 0], [[4, 0], [0, 9]]), normal([3, 4], [[1, 0], [0, 25]])
    assert frechet_distance(one, other) == pytest.approx(25 + (2 - 1) ** 2 + (3 - 5) ** 2)


def test_the_distance_is_that_of_the_formula_with_a_general_root() -> None:
    one, other = Gaussian.fit(rows(40)), Gaussian.fit(rows(60, seed=1)[:, ::-1])
    offset = one.mean - other.mean
    product = np.real(np.trace(sqrtm(one.covariance @ other.covariance)))
    expected = offset @ offset + np.trace(one.covariance) + np.trace(other.covariance) - 2 * product
    assert frechet_distance(one, other) == pytest.approx(expected)
    assert frechet_distance(other, one) == pytest.approx(expected)


def test_equal_and_singular_ones_are_no_distance_apart() -> None:
    flat = normal([1, 2], [[1, 1], [1, 1]])
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-6)


def test_the_value_of_groups_is_the_distance_of_the_whole_with_the_error_of_leaving_one_out() -> None:
    data, other = rows(30), Gaussian.fit(rows(60, seed=1))
    found = frechet_value([Gaussian.fit(data[start::3]) for start in range(3)], other)
    partial = [frechet_distance(Gaussian.fit(data[np.arange(30) % 3 != group]), other) for group in range(3)]
    assert found.value == pytest.approx(frechet_distance(Gaussian.fit(data), other))
    assert found.error == pytest.approx(math.sqrt(2 * np.var(partial)))
    assert found.count == 30


@pytest.mark.parametrize("groups", [1, 5])
def test_a_single_group_or_tiny_ones_have_no_error(groups: int) -> None:
    data = rows(9)
    assert (
        frechet_value([Gaussian.fit(data[start::groups]) for start in range(groups)], Gaussian.fit(data)).error is None
    )
