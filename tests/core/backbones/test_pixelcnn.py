from __future__ import annotations

from typing import Any

import pytest
import torch

from genwright.backbones.pixelcnn import PixelCNN
from genwright.errors import MismatchError, OptionError
from genwright.families.autoregressive import Autoregressive
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens
from genwright.testing import networks
from tests.core.backbones.streams import assert_every_weight_is_moved, started

CONDITIONS = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"colour": ("red", "green")})
GREY = Tokens(vocab_size=5, shape=(6, 7))
COLOUR = Tokens(vocab_size=5, shape=(4, 5, 3))
SETTINGS: list[tuple[Tokens, dict[str, Any]]] = [
    (GREY, {"depth": 3, "reach": 2}),
    (GREY, {"depth": 4, "reach": 1, "mixture": 2}),
    (COLOUR, {"depth": 3, "reach": 2}),
    (COLOUR, {"depth": 3, "reach": 5, "mixture": 3}),
]


def network(space: Tokens, **options: Any) -> PixelCNN:
    """A network all of whose weights matter, those of places, of what is asked for and of levels too."""
    made = networks.shaken(PixelCNN(space=space, conditions=CONDITIONS, **({"width": 8} | options)), by=0.3)
    made.eval().requires_grad_(False)
    if options.get("mixture"):
        # Else most levels would lie at the floor, where nothing moves them.
        made.outward.inward.weight.data.mul_(0.3)  # type: ignore[union-attr,operator]
        made.outward.inward.bias.data.mul_(0.3)  # type: ignore[union-attr,operator]
    return made


def asked(rows: int, *, scalar: float = 0.5, label: int = 0) -> Condition:
    return networks.asked(scalar, label, rows=rows)


@pytest.fixture(params=SETTINGS, ids=["grey", "grey-mixture", "colour", "colour-mixture"])
def made(request: pytest.FixtureRequest) -> PixelCNN:
    space, options = request.param
    return network(space, **options)


def test_logits_depend_on_every_earlier_token_and_on_no_other(made: PixelCNN) -> None:
    """Nothing that comes later is seen, and there is no blind spot."""
    space, condition = made.space, asked(4)
    tokens = started(space, 1).repeat(4, 1)
    before = made(tokens, condition)
    assert before.shape == (4, space.size, 5)
    for place in range(1, space.size):
        changed = tokens.clone()
        changed[:, place] = (tokens[:, place] + torch.arange(1, 5)) % 5
        moved = (made(changed, condition) - before).abs().amax((0, 2))
        assert (moved[:place] == 0).all(), place
        assert (moved[place:] > 0).all(), place


@pytest.mark.parametrize("shape", [(2, 4), (2, 2, 2)])
@pytest.mark.parametrize("mixture", [0, 2])
def test_the_probabilities_of_all_images_add_up_to_one(shape: tuple[int, ...], mixture: int) -> None:
    space = Tokens(vocab_size=2, shape=shape)
    made = network(space, depth=2, reach=2, mixture=mixture)
    family = Autoregressive(space=space, conditions=CONDITIONS, build=lambda part, **given: made)
    every = torch.cartesian_prod(*[torch.arange(2)] * space.size).view(-1, *shape)
    chances = family.log_likelihood(every, asked(len(every))).exp()
    assert len(every) == 256
    assert chances.std() > 1e-4
    assert float(chances.sum()) == pytest.approx(1.0, abs=1e-4)


def test_far_pixels_above_and_to_either_side_are_seen_within_reach() -> None:
    """Of a larger image, each layer adds its distance to the reach: 1 + 1 + 2 + 4 rows up and columns to each side."""
    space = Tokens(vocab_size=5, shape=(14, 33))
    made, tokens = network(space, depth=3, reach=1).double(), started(space, 1)
    y, x = 12, 16
    before = made(tokens, asked(1))[0].view(14, 33, 5)[y, x]
    for up, across, seen in (
        (1, 8, True), (1, -8, True), (8, 8, True), (8, -8, True), (0, -8, True), (9, 0, False), (3, 16, False),
    ):  # fmt: skip
        changed = tokens.clone()
        place = (y - up) * 33 + x + across
        changed[0, place + 1] = (tokens[0, place + 1] + 2) % 5
        after = made(changed, asked(1))[0].view(14, 33, 5)[y, x]
        assert (not torch.equal(before, after)) == seen, (up, across)


def test_a_beginning_has_the_logits_that_it_has_in_the_whole(made: PixelCNN) -> None:
    tokens, condition = started(made.space, 2), asked(2)
    assert torch.allclose(made(tokens[:, :11], condition), made(tokens, condition)[:, :11], atol=1e-5)


def test_places_and_conditions_act_alone(made: PixelCNN) -> None:
    tokens = started(made.space, 1)
    before = made(tokens, asked(1))
    assert (made(tokens, asked(1, scalar=2.0)) - before).abs().amax(-1).min() > 1e-5
    assert (made(tokens, asked(1, label=1)) - before).abs().amax(-1).min() > 1e-5
    assert (made(tokens, asked(1, label=-1)) - before).abs().amax(-1).min() > 1e-5
    made.place.data[1, 2] += 1.0
    place, above = (made.image[1] + 2) * made.image[2], made.image[1] * made.image[2]
    after = made(tokens, asked(1))
    assert torch.equal(after[:, :above], before[:, :above])
    assert (after[:, place] - before[:, place]).abs().max() > 1e-3


@pytest.mark.parametrize("stack", ["down", "along"])
def test_what_is_asked_for_moves_the_gates_of_both_stacks(stack: str) -> None:
    made, tokens = network(GREY, depth=2), started(GREY, 1)
    before = made(tokens, asked(1))
    for layer in made.layers:
        part = slice(0, layer.split[0]) if stack == "down" else slice(layer.split[0], None)  # type: ignore[index]
        layer.asked.weight[part] = 0.0  # type: ignore[union-attr,index]
    assert (made(tokens, asked(1)) - before).abs().max() > 1e-3


def test_where_nothing_can_be_asked_for_there_are_no_weights_for_it() -> None:
    made = PixelCNN(space=GREY, conditions=ConditionSpace(), width=8, depth=2)
    assert not any("asked" in name or "conditioning" in name for name, _ in made.named_parameters())
    assert made(started(GREY, 2), Condition.none(2)).isfinite().all()


def test_every_weight_gets_a_finite_gradient(made: PixelCNN) -> None:
    assert_every_weight_is_moved(made, started(made.space, 3), asked(3))


@pytest.mark.parametrize(
    ("shape", "options", "error", "message"),
    [
        ((9,), {}, MismatchError, r"shape \(Y, X\), or \(Y, X, C\) with up to 4 channels; got \(9,\)\."),
        ((3, 8, 8), {}, MismatchError, r"got \(3, 8, 8\)\. Use an encoder whose channels come last"),
        ((8, 8), {"width": 2}, OptionError, "a pixelcnn's width is 4 or more; got 2"),
        ((8, 8), {"width": 18}, OptionError, r"a pixelcnn's width is a multiple of 4; got 18\. Choose 20\."),
        ((8, 8), {"depth": 0}, OptionError, "a pixelcnn's depth is 1 or more; got 0"),
        ((8, 8), {"reach": 0}, OptionError, "a pixelcnn's reach is 1 or more; got 0"),
        ((8, 8), {"mixture": -1}, OptionError, "a pixelcnn's mixture is 0 or more; got -1"),
    ],
)
def test_what_cannot_be_is_refused(
    shape: tuple[int, ...], options: dict[str, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        PixelCNN(space=Tokens(vocab_size=4, shape=shape), conditions=CONDITIONS, **options)
