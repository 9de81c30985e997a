from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from genwright.errors import ConditionError, OptionError
from genwright.space import Tokens
from genwright.testing.encoders import check_encoder
from genwright_images.domain import Images
from genwright_images.levels import Levels

Pictures = Callable[..., list[Image.Image]]
RAMP = Image.fromarray(np.arange(256, dtype=np.uint8)[None])


def fitted(**options: int) -> Levels:
    encoder = Levels(**options)
    encoder.fit([RAMP])
    return encoder


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_it_keeps_the_contract_of_encoders(mode: str, pictures: Pictures) -> None:
    items = pictures(20, mode=mode)
    assert [check for check in check_encoder(Levels(), items, domain=Images()) if check.trouble] == []


def test_with_256_levels_a_token_is_the_level() -> None:
    assert fitted().space == Tokens(vocab_size=256, shape=(1, 256))
    assert fitted().encode([RAMP])[0, 0].tolist() == list(range(256))


@pytest.mark.parametrize("levels", [2, 3, 16, 100, 255])
def test_fewer_levels_are_the_nearest_and_stay_what_they_are(levels: int) -> None:
    encoder = fitted(levels=levels)
    tokens = encoder.encode([RAMP])
    (again,) = encoder.decode(tokens)
    assert tokens.unique().tolist() == list(range(levels))
    assert torch.equal(encoder.encode([again]), tokens)
    worst = np.abs(np.asarray(again, dtype=int) - np.asarray(RAMP, dtype=int)).max()
    assert worst <= 255 / (levels - 1) / 2 + 0.5


def test_two_levels_are_black_and_white_by_the_threshold() -> None:
    for threshold in (1, 128, 200):
        encoder = fitted(levels=2, threshold=threshold)
        assert int(encoder.encode([RAMP]).sum()) == 256 - threshold
        assert sorted(set(encoder.decode(encoder.encode([RAMP]))[0].tobytes())) == [0, 255]


def test_colours_are_three_tokens_a_pixel(pictures: Pictures) -> None:
    encoder = Levels()
    (item,) = pictures(1, mode="RGB")
    encoder.fit([item])
    assert encoder.space == Tokens(vocab_size=256, shape=(6, 8, 3))
    np.testing.assert_array_equal(encoder.encode([item])[0].numpy(), np.asarray(item))


def test_colours_become_grey_where_that_is_asked_for(pictures: Pictures) -> None:
    encoder = Levels(channels=1)
    items = pictures(2, mode="RGB")
    encoder.fit(items)
    assert encoder.decode(encoder.encode(items))[1].tobytes() == items[1].convert("L").tobytes()


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_tokens_in_one_row_are_decoded_as_those_in_their_places(mode: str, pictures: Pictures) -> None:
    encoder = Levels()
    items = pictures(3, mode=mode)
    encoder.fit(items)
    again = encoder.decode(encoder.encode(items).flatten(1))
    assert [image.tobytes() for image in again] == [image.tobytes() for image in items]


@pytest.mark.parametrize("levels", [1, 257])
def test_other_numbers_of_levels_are_refused(levels: int) -> None:
    with pytest.raises(OptionError, match=rf"encoder 'levels' has 2 to 256 levels; got {levels}. Try levels=256"):
        Levels(levels=levels)


@pytest.mark.parametrize(("levels", "threshold"), [(2, 0), (2, 256), (16, 100)])
def test_other_thresholds_are_refused(levels: int, threshold: int) -> None:
    with pytest.raises(
        OptionError, match=rf"threshold of 1 to 255, with levels=2; got {threshold} with levels={levels}. Leave it out"
    ):
        Levels(levels=levels, threshold=threshold)


def test_no_text_starts_an_image() -> None:
    with pytest.raises(ConditionError, match=r"'levels' has a token a pixel, so no text starts an image. Ask for a"):
        Levels().prefix("a hat")
