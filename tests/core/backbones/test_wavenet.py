from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from genwright.backbones.wavenet import WaveNet
from genwright.errors import OptionError
from genwright.families.autoregressive import Autoregressive
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens
from genwright.testing import networks
from tests.core.backbones.streams import assert_every_weight_is_moved, started

CONDITIONS = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"colour": ("red", "green")})
SPACE = Tokens(vocab_size=5, shape=(26,), stop=4)
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"depth": 4, "cycle": 4},
    "kernel": {"depth": 4, "cycle": 2, "kernel": 3},
    "stride": {"depth": 3, "cycle": 3, "stride": 4},
}


def network(space: Tokens = SPACE, **options: Any) -> WaveNet:
    """A network all of whose weights matter."""
    made = networks.shaken(WaveNet(space=space, conditions=CONDITIONS, width=32, skip=32, **options), by=0.1)
    return made.eval().requires_grad_(False)


@pytest.fixture(params=SETTINGS)
def made(request: pytest.FixtureRequest) -> WaveNet:
    return network(**SETTINGS[request.param])


def test_logits_depend_on_every_earlier_token_within_reach_and_on_no_other(made: WaveNet) -> None:
    """The reach is that of the first token of a step; the others of a step see what lies as far back from it."""
    tokens, condition = started(SPACE, 1).repeat(4, 1), networks.asked(0.5, 0, rows=4)
    before = made(tokens, condition)
    assert before.shape == (4, 26, 5)
    for place in range(26):
        changed = tokens.clone()
        changed[:, place] = (tokens[:, place] + torch.arange(1, 5)) % 5
        moved = ((made(changed, condition) - before).abs().amax((0, 2)) > 0).tolist()
        steps = [at // made.stride * made.stride for at in range(26)]
        seen = [step - made.reach < place <= at for at, step in enumerate(steps)]
        assert moved == seen, place


def test_the_reach_is_that_of_all_layers_together() -> None:
    assert network(depth=20, cycle=10).reach == 2047
    assert network(**SETTINGS["kernel"]).reach == 1 + 2 * (1 + 2 + 1 + 2)
    assert network(**SETTINGS["stride"]).reach == 4 * (1 + 1 + 2 + 4)


@pytest.mark.parametrize("options", [{"depth": 2}, {"depth": 2, "stride": 3}, {"depth": 1, "kernel": 1, "stride": 4}])
def test_the_probabilities_of_all_rows_add_up_to_one(options: dict[str, int]) -> None:
    space = Tokens(vocab_size=2, shape=(8,))
    made = network(space, **options)
    family = Autoregressive(space=space, conditions=CONDITIONS, build=lambda part, **given: made)
    every = torch.cartesian_prod(*[torch.arange(2)] * 8)
    chances = family.log_likelihood(every, networks.asked(0.5, 0, rows=256)).exp()
    assert chances.std() > 1e-4
    assert float(chances.sum()) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("length", [1, 4, 11, 26])
def test_a_beginning_has_the_logits_that_it_has_in_the_whole(made: WaveNet, length: int) -> None:
    tokens, condition = started(SPACE, 2), networks.asked(0.5, 0)
    assert torch.allclose(made(tokens[:, :length], condition), made(tokens, condition)[:, :length], atol=1e-5)


def test_what_is_asked_for_moves_the_gates_of_every_layer(made: WaveNet) -> None:
    tokens = started(SPACE, 1)
    before = made(tokens, networks.asked(0.5, 0, rows=1))
    for other in (networks.asked(2.0, 0, rows=1), networks.asked(0.5, 1, rows=1), networks.asked(0.5, -1, rows=1)):
        assert (made(tokens, other) - before).abs().amax(-1).min() > 1e-5
    for layer in made.layers:
        kept = layer.asked.weight.data.clone()  # type: ignore[union-attr,operator]
        layer.asked.weight.data.zero_()  # type: ignore[union-attr,operator]
        assert (made(tokens, networks.asked(0.5, 0, rows=1)) - before).abs().max() > 1e-5
        layer.asked.weight.data.copy_(kept)  # type: ignore[union-attr,operator]


def test_where_nothing_can_be_asked_for_there_are_no_weights_for_it() -> None:
    made = WaveNet(space=SPACE, conditions=ConditionSpace(), width=32, skip=32, depth=2)
    assert not any("asked" in name or "conditioning" in name for name, _ in made.named_parameters())
    assert made(started(SPACE, 2), Condition.none(2)).isfinite().all()


def test_every_weight_gets_a_finite_gradient(made: WaveNet) -> None:
    assert_every_weight_is_moved(made, started(SPACE, 3), networks.asked(0.5, 0, rows=3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 48}, r"a wavenet's width is a multiple of 32; got 48\. Choose 64\."),
        ({"width": 0}, r"a wavenet's width is a multiple of 32; got 0\. Choose 32\."),
        ({"skip": 100}, r"a wavenet's skip is a multiple of 32; got 100\. Choose 128\."),
        ({"depth": 0}, "a wavenet's depth is 1 or more; got 0. Choose a larger one."),
        ({"cycle": 0}, "a wavenet's cycle is 1 or more; got 0"),
        ({"kernel": 0}, "a wavenet's kernel is 1 or more; got 0"),
        ({"stride": 0}, "a wavenet's stride is 1 or more; got 0"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        WaveNet(space=SPACE, conditions=CONDITIONS, **options)


FOLLOWED = replace(CONDITIONS, contours={"height": (0.0, 1.0)}, places=4.5)


def following(**options: Any) -> WaveNet:
    made = WaveNet(space=SPACE, conditions=FOLLOWED, width=32, skip=32, **options)
    return networks.shaken(made, by=0.1).eval().requires_grad_(False)


def heights(*values: float, rows: int = 1) -> Condition:
    return replace(networks.asked(0.5, 0, rows=rows), contours=torch.tensor(values).expand(rows, 1, -1))


@pytest.mark.parametrize("options", SETTINGS.values(), ids=SETTINGS)
def test_a_value_of_a_contour_moves_the_logits_from_two_values_before_it_on(options: dict[str, Any]) -> None:
    """Of steps that begin in the part of a row that it belongs to, and of what can be heard of these later."""
    made, tokens = following(**options), started(SPACE, 1)
    # What the first layer's gates let through is not joined by that layer.
    heard = made.reach - made.stride * (made._layers[0].kernel - 1) * made._layers[0].apart
    assert made.values == 6
    before = made(tokens, heights(*[0.5] * 6))
    for place in range(6):
        after = made(tokens, heights(*[0.5] * place, -1.0, *[0.5] * (5 - place)))
        moved = ((after - before).abs().amax((0, 2)) > 0).tolist()
        steps = [at // made.stride * made.stride for at in range(26)]
        first, last = (next((s for s in steps if s >= 4.5 * v), 26) for v in (max(0, place - 2), place + 3))
        assert moved == [first <= at and steps[at] - heard < last - made.stride for at in range(26)], place


def test_a_contour_is_told_with_all_else_that_is_asked() -> None:
    made, tokens = following(depth=2), started(SPACE, 2)
    before = made(tokens, heights(*[0.5] * 6, rows=2))
    other = replace(heights(*[0.5] * 6, rows=2), labels=torch.tensor([[1], [0]]))
    assert (made(tokens, other)[0] - before[0]).abs().amax(-1).min() > 1e-5
    assert torch.equal(made(tokens, other)[1], before[1])


def test_a_condition_without_contours_asks_for_none() -> None:
    made, tokens = following(depth=2), started(SPACE, 2)
    nothing = replace(networks.asked(0.5, 0), contours=torch.full((2, 1, 6), torch.nan))
    assert torch.equal(made(tokens, networks.asked(0.5, 0)), made(tokens, nothing))
    assert not torch.equal(made(tokens, heights(*[torch.inf] * 6, rows=2)), made(tokens, nothing))


def test_what_tells_of_contours_gets_gradients_too() -> None:
    made = following(depth=2)
    contours = torch.tensor([[0.5, -1.0, 0.1, torch.inf, torch.inf, torch.inf], [torch.nan] * 6])[:, None]
    assert_every_weight_is_moved(made, started(SPACE, 2), replace(networks.asked(0.5, 0), contours=contours))
    assert {name for name, _ in made.named_parameters() if "contouring" in name} == {
        "contouring.value",
        "contouring.unasked",
        "contouring.ended",
    }
