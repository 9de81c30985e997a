from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from genwright.gaussian import Gaussian
from genwright_images import gathered
from genwright_images.features import features
from genwright_images.gathered import Gathered

Pictures = Callable[..., list[Image.Image]]


def test_images_with_a_flaw_are_left_out(pictures: Pictures) -> None:
    found = Gathered([Image.new("L", (8, 6)), *pictures(3)])
    assert len(found.images) == 3
    assert found.classes == ("a", "b", "a")
    np.testing.assert_array_equal(found.features, features(pictures(3)))


def test_groups_merge_to_all(pictures: Pictures) -> None:
    found = Gathered(pictures(25))
    assert [part.count for part in found.gaussians] == [3] * 5 + [2] * 5
    np.testing.assert_allclose(
        Gaussian.merged(found.gaussians).scatter, Gaussian.fit(found.features).scatter, atol=1e-6
    )


def test_as_many_are_compared_as_the_limit_allows(pictures: Pictures, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(Gathered(pictures(12)).compared) == 12
    monkeypatch.setattr(gathered, "COMPARED", 5)
    found = Gathered(pictures(12))
    rows = {row.tobytes() for row in found.features}
    assert len({row.tobytes() for row in found.compared} & rows) == 5


def test_of_none_there_is_nothing() -> None:
    found = Gathered([])
    assert found.classes == ()
    assert found.gaussians == ()
    assert len(found.compared) == 0
