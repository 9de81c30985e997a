from __future__ import annotations

from typing import Any

import pytest
import torch

from genwright.backbones.pixelcnn import PixelCNN
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens
from genwright.testing.networks import shaken
from tests.core.backbones.streams import asked, started, streamed

CONDITIONS = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"colour": ("red", "green")})
GREY = Tokens(vocab_size=5, shape=(6, 7))
COLOUR = Tokens(vocab_size=5, shape=(3, 4, 3))
SETTINGS: list[tuple[Tokens, dict[str, Any]]] = [
    (GREY, {"depth": 4, "reach": 2}),
    (GREY, {"depth": 3, "reach": 3, "mixture": 2}),
    (COLOUR, {"depth": 3, "reach": 1}),
]
ROWS = 16


@pytest.fixture(params=SETTINGS, ids=["grey", "grey-mixture", "colour"])
def made(request: pytest.FixtureRequest) -> PixelCNN:
    """A network all of whose weights matter."""
    space, options = request.param
    network = (
        shaken(PixelCNN(space=space, conditions=CONDITIONS, width=8, **options), by=0.3).eval().requires_grad_(False)
    )
    if options.get("mixture"):
        # Else most levels would lie at the floor, where nothing moves them.
        network.outward.inward.weight.data.mul_(0.3)  # type: ignore[union-attr,operator]
        network.outward.inward.bias.data.mul_(0.3)  # type: ignore[union-attr,operator]
    return network


def test_a_stream_gives_the_logits_of_the_whole_image(made: PixelCNN) -> None:
    tokens, condition = started(made.space, 5), asked(5)
    whole = made(tokens, condition)
    assert whole.std() > 0.1
    assert (streamed(made, tokens, condition) - whole).abs().max() < 1e-5


def test_in_double_precision_they_are_equal_to_ten_digits(made: PixelCNN) -> None:
    made.double()
    tokens, condition = started(made.space, 3), asked(3)
    condition = Condition(scalars=condition.scalars.double(), labels=condition.labels, prefix=condition.prefix)
    assert (streamed(made, tokens, condition) - made(tokens, condition)).abs().max() < 1e-10


def test_restarted_rows_are_as_those_of_a_fresh_stream_and_the_others_go_on(made: PixelCNN) -> None:
    """Wherever they stood: at the begin of a row of pixels or within, at a first channel or another."""
    tokens, condition = started(made.space, ROWS), asked(ROWS)
    other, wanted = started(made.space, ROWS, seed=8), asked(ROWS, seed=9)
    undisturbed, fresh = streamed(made, tokens, condition), streamed(made, other, wanted)
    for after in (14, 23):
        stream, rows = made.open(condition), torch.arange(ROWS) % 3 == 0
        for column in tokens.T[:after]:
            stream.step(column)
        stream.restart(rows, wanted)
        mixed = torch.where(rows[:, None], other[:, : made.space.size - after], tokens[:, after:])
        found = torch.stack([stream.step(column) for column in mixed.T], 1)
        assert torch.equal(found[rows], fresh[rows, : made.space.size - after])
        assert torch.equal(found[~rows], undisturbed[~rows, after:])


def test_rows_that_are_all_restarted_draw_a_second_image(made: PixelCNN) -> None:
    tokens, condition = started(made.space, ROWS), asked(ROWS)
    stream = made.open(asked(ROWS, seed=9))
    for column in started(made.space, ROWS, seed=8).T:
        stream.step(column)
    stream.restart(torch.ones(ROWS, dtype=torch.bool), condition)
    again = torch.stack([stream.step(column) for column in tokens.T], 1)
    assert torch.equal(again, streamed(made, tokens, condition))


def test_a_row_has_the_same_bits_wherever_it_lies_and_whatever_its_neighbours(made: PixelCNN) -> None:
    tokens, condition = started(made.space, 2 * ROWS), asked(2 * ROWS)
    alone = streamed(made, tokens[:1].expand(ROWS, -1), condition[:1].expand(ROWS))
    assert all(torch.equal(row, alone[0]) for row in alone)
    for place in (0, 1, 7, 14, 15):
        neighbours = torch.arange(ROWS, 2 * ROWS)
        neighbours[place] = 0
        assert torch.equal(streamed(made, tokens[neighbours], condition[neighbours])[place], alone[0])
