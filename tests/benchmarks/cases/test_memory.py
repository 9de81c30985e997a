from __future__ import annotations

import pytest

from benchmarks.cases.memory import growth


def test_growth_is_of_the_second_half() -> None:
    assert growth([1.0, 5.0, 8.0, 9.0, 10.0, 10.0, 10.0, 10.0]) == 0.0
    assert growth([10.0 * step for step in range(8)]) == pytest.approx(20.0)
