from __future__ import annotations

import numpy as np
import pytest

from genwright_audio import spread as spread_module
from genwright_audio.spread import spread


def test_it_is_the_mean_distance_of_pairs_of_a_class() -> None:
    rows = np.array([[0, 0], [3, 4], [0, 8], [1, 1], [1, 3], [9, 9]], dtype=np.float32)
    found = spread(rows, ["a", "a", "a", "b", "b", "c"])
    assert found == {"a": pytest.approx((5 + 8 + 5) / 3), "b": pytest.approx(2)}


def test_rows_of_no_class_do_not_count() -> None:
    rows = np.array([[0], [1], [50]], dtype=np.float32)
    assert spread(rows, ["a", "a", None]) == {"a": pytest.approx(1)}


def test_rows_that_are_all_alike_are_nothing_apart() -> None:
    assert spread(np.full((3, 2), 7.3, dtype=np.float32), ["a"] * 3)["a"] == pytest.approx(0, abs=1e-6)


def test_of_many_the_first_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread_module, "_MOST", 2)
    assert spread(np.array([[0], [1], [50]], dtype=np.float32), ["a"] * 3) == {"a": pytest.approx(1)}
