from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from genwright.errors import ConditionError
from genwright.seeds import Noise
from genwright.space import Continuous
from genwright.testing.encoders import check_encoder
from genwright_images.domain import Images
from genwright_images.image import digest
from genwright_images.pixels import Pixels

Pictures = Callable[..., list[Image.Image]]


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("flip", [False, True])
def test_it_keeps_the_contract_of_encoders(mode: str, flip: bool, pictures: Pictures) -> None:
    found = check_encoder(Pixels(flip=flip), pictures(20, mode=mode), domain=Images())
    assert [check for check in found if check.trouble] == []


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_every_level_comes_back(mode: str) -> None:
    ramp = Image.linear_gradient("L").convert(mode)
    encoder = Pixels()
    encoder.fit([ramp])
    (again,) = encoder.decode(encoder.encode([ramp]))
    assert digest(again) == digest(ramp)


def test_black_is_minus_one_and_white_one_in_steps_of_the_space(pictures: Pictures) -> None:
    encoder = Pixels()
    encoder.fit(pictures(1, mode="RGB"))
    assert encoder.space == Continuous(shape=(3, 6, 8), axes=("C", "Y", "X"), step=2 / 255)
    x = encoder.encode([Image.new("RGB", (8, 6), (0, 255, 1))])
    torch.testing.assert_close(x[0, :, 0, 0], torch.tensor([-1, 1, -1 + encoder.space.step]))


def test_what_is_out_of_range_is_cut(pictures: Pictures) -> None:
    encoder = Pixels()
    encoder.fit(pictures(1))
    x = torch.full((1, 1, 6, 8), torch.nan)
    x[0, 0, 0, :4] = torch.tensor([9.0, -9.0, torch.inf, -torch.inf])
    assert np.asarray(encoder.decode(x)[0])[0, :5].tolist() == [255, 0, 255, 0, 128]


def test_flip_mirrors_about_half_of_the_images(pictures: Pictures) -> None:
    encoder = Pixels(flip=True)
    item = pictures(1)[0]
    encoder.fit([item])
    plain = encoder.encode([item] * 400)
    noisy = encoder.encode([item] * 400, noise=Noise(3, torch.arange(400)))
    same = (noisy == plain).flatten(1).all(1)
    assert torch.equal(noisy[~same], plain[~same].flip(-1))
    assert 160 < int(same.sum()) < 240


def test_no_text_starts_an_image() -> None:
    with pytest.raises(ConditionError, match=r"'pixels' gives no tokens, so no text starts an image. Ask for class"):
        Pixels().prefix("a hat")
