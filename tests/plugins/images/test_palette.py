from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from PIL import Image

from genwright.errors import ConditionError, OptionError
from genwright.testing.encoders import check_encoder
from genwright_images.domain import Images
from genwright_images.palette import Palette
from genwright_images.plugin import register_encoders

Pictures = Callable[..., list[Image.Image]]
BLACK, RED, GREEN, WHITE = (0, 0, 0), (200, 30, 20), (30, 180, 60), (255, 255, 255)


def of_colours(*colours: tuple[int, int, int]) -> Image.Image:
    return Image.fromarray(np.array([colours], dtype=np.uint8))


def test_it_keeps_the_contract_of_encoders_where_it_has_all_colours(pictures: Pictures) -> None:
    for items in (pictures(20), [of_colours(RED, WHITE), of_colours(BLACK, GREEN)]):
        assert [check for check in check_encoder(Palette(), items, domain=Images()) if check.trouble] == []


def test_it_loses_colours_beyond_those_it_has_as_its_spec_says() -> None:
    items = [of_colours(BLACK, RED, GREEN, WHITE)]
    (spec,) = [spec for spec in register_encoders() if spec.name == "palette"]
    exact, lossy = (
        [
            check.name
            for check in check_encoder(Palette(colours=2), items, domain=Images(), lossy=lossy)
            if check.trouble
        ]
        for lossy in (False, spec.lossy)
    )
    assert exact == ["decode undoes encode"]
    assert lossy == []


def test_colours_stand_from_dark_to_light() -> None:
    encoder = Palette()
    image = of_colours(WHITE, BLACK, GREEN, RED)
    encoder.fit([image])
    assert encoder.space.vocab_size == 4
    assert encoder.encode([image]).tolist() == [[[3, 0, 2, 1]]]


def test_clusters_of_colours_are_found() -> None:
    around = [tuple(np.clip(np.array(c) + d, 0, 255).tolist()) for c in (RED, GREEN, WHITE) for d in range(-4, 5)]
    image = of_colours(*around)
    encoder = Palette(colours=3)
    encoder.fit([image])
    centres = np.array(encoder.state()["palette"])
    expected = np.array([np.mean(around[start : start + 9], 0) for start in (0, 9, 18)])
    np.testing.assert_allclose(centres, expected, atol=0.5)
    assert encoder.encode([image])[0, 0].tolist() == [0] * 9 + [1] * 9 + [2] * 9


def test_more_colours_lose_less(pictures: Pictures) -> None:
    items = pictures(10, mode="RGB")
    losses = []
    for colours in (2, 8, 64, 256):
        encoder = Palette(colours=colours)
        encoder.fit(items)
        again = encoder.decode(encoder.encode(items))
        pairs = zip(items, again, strict=True)
        losses.append(np.mean([(np.asarray(a, float) - np.asarray(b, float)) ** 2 for a, b in pairs]))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 10


def test_fitting_again_finds_the_same(pictures: Pictures) -> None:
    one, other = Palette(colours=16), Palette(colours=16)
    one.fit(pictures(10, mode="RGB"))
    other.fit(pictures(10, mode="RGB"))
    assert one.state() == other.state()


def test_grey_images_come_back_grey(pictures: Pictures) -> None:
    encoder = Palette(colours=4)
    encoder.fit(pictures(3))
    assert encoder.decode(torch.zeros(1, 6, 8, dtype=torch.int64))[0].mode == "L"


def test_tokens_in_one_row_are_decoded_as_those_in_their_places() -> None:
    encoder = Palette()
    images = [of_colours(WHITE, BLACK, GREEN), of_colours(RED, RED, WHITE)]
    encoder.fit(images)
    again = encoder.decode(encoder.encode(images).flatten(1))
    assert [image.tobytes() for image in again] == [image.tobytes() for image in images]


def test_images_of_other_sizes_have_no_say(pictures: Pictures) -> None:
    encoder = Palette(colours=8)
    encoder.fit([of_colours(BLACK, WHITE)] * 3 + pictures(1, mode="RGB"))
    assert encoder.state()["palette"] == [list(BLACK), list(WHITE)]


@pytest.mark.parametrize("colours", [1, 257])
def test_other_numbers_of_colours_are_refused(colours: int) -> None:
    with pytest.raises(OptionError, match=rf"encoder 'palette' has 2 to 256 colours; got {colours}. Try colours=64"):
        Palette(colours=colours)


def test_no_text_starts_an_image() -> None:
    with pytest.raises(ConditionError, match=r"'palette' has a token a pixel, so no text starts an image. Ask for a"):
        Palette().prefix("a hat")


@pytest.mark.parametrize("colours", [64, 255])
def test_grey_images_have_as_many_greys_as_are_asked_for(colours: int) -> None:
    """They once had 32, whatever was asked for."""
    grey = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16))
    encoder = Palette(colours=colours)
    encoder.fit([grey])
    assert encoder.space.vocab_size >= 0.9 * colours
    (again,) = encoder.decode(encoder.encode([grey]))
    assert np.abs(np.asarray(again, dtype=int) - np.asarray(grey, dtype=int)).max() <= 256 // colours + 2


def test_a_rare_colour_is_kept_where_all_have_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was once lost where it lay in none of the images that were looked at."""
    monkeypatch.setattr("genwright_images.palette._PIXELS", 4)
    items = [of_colours(RED, RED)] * 500 + [of_colours(GREEN, RED)]
    encoder = Palette(colours=16)
    encoder.fit(items)
    assert [image.tobytes() for image in encoder.decode(encoder.encode(items[-1:]))] == [items[-1].tobytes()]
