from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.backbones.conv import conv
from genwright.errors import MismatchError, OptionError
from genwright.readings import Condition
from genwright.space import ConditionSpace, Continuous, SampleSpace, Tokens
from genwright.specs import Role
from genwright.testing.networks import asked, shaken

CONDITIONS = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"colour": ("red", "green")})
SMALL: dict[str, Any] = {"width": 8, "conditions": CONDITIONS}


def images(*shape: int) -> Continuous:
    return Continuous(shape=shape, axes=("C", "Y", "X")[: len(shape)])


def network(space: SampleSpace, role: Role, **options: Any) -> nn.Module:
    """A network all of whose weights matter; those that end a block begin at zero."""
    return shaken(conv(space=space, role=role, **(SMALL | options)), by=0.3).eval().requires_grad_(False)


def normal(*shape: int) -> Tensor:
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))


SPACES = [images(1, 28, 28), images(3, 32, 32), images(2, 9, 15), images(3, 21), images(1, 7, 7)]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: "x".join(map(str, space.shape)))
def test_samples_become_latents_and_numbers_and_latents_samples_of_any_size(space: Continuous) -> None:
    x = normal(*space.shape)
    halved = tuple(-(-size // 2) for size in space.shape[1:])
    for latent in (16,), (4, *halved), (4, *space.shape[1:]):
        z = network(space, "posterior", latent=latent)(x, asked())
        assert z.shape == (2, *latent)
        again = network(space, "generator", latent=latent)(z, asked())
        assert again.shape == x.shape
        assert again.isfinite().all()
    assert network(space, "critic")(x, asked()).shape == (2,)


@pytest.mark.parametrize("space", [Tokens(vocab_size=7, shape=(6, 9)), Tokens(vocab_size=7, shape=(13,))])
def test_of_tokens_a_generator_gives_logits(space: Tokens) -> None:
    x = torch.randint(0, 7, (2, *space.shape), generator=torch.Generator().manual_seed(2))
    z = network(space, "posterior", latent=(5,))(x, asked())
    assert network(space, "generator", latent=(5,))(z, asked()).shape == (2, *space.shape, 7)
    assert network(space, "critic")(x, asked()).shape == (2,)


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("role", ["generator", "posterior", "critic"])
def test_what_is_asked_for_acts_alone(role: Role, spectral: bool) -> None:
    made = network(images(1, 8, 8), role, latent=(4,), spectral=spectral)
    x = normal(4) if role == "generator" else normal(1, 8, 8)
    before = made(x, asked())
    assert (made(x, asked(scalar=1.0)) - before).abs().max() > 1e-3
    assert (made(x, asked(label=0)) - made(x, asked(label=1))).abs().max() > 1e-3


@pytest.mark.parametrize("role", ["generator", "posterior", "critic"])
def test_where_nothing_can_be_asked_for_there_are_no_weights_for_it(role: Role) -> None:
    made = network(images(1, 8, 8), role, latent=(4,), conditions=ConditionSpace())
    assert not any("asked" in name or "shift" in name for name, _ in made.named_parameters())
    x = normal(4) if role == "generator" else normal(1, 8, 8)
    assert made(x, Condition.none(2)).std() > 0


def test_a_critic_projects_its_features_onto_what_is_asked_for() -> None:
    """Between two conditions the number moves by the same feature's product with the difference of their vectors."""
    made = network(images(1, 8, 8), "critic")
    x = normal(1, 8, 8)
    features = torch.nn.functional.leaky_relu(made.features(made.trunk(x, None).flatten(1)), 0.2)  # type: ignore[operator]
    vectors = made.asked(asked(label=0)) - made.asked(asked(label=1))  # type: ignore[operator]
    expected = (features * vectors).sum(1) / features.shape[1] ** 0.5
    assert torch.allclose(made(x, asked(label=0)) - made(x, asked(label=1)), expected, atol=1e-5)


def test_every_place_of_a_sample_reaches_the_number_and_depends_on_the_latent() -> None:
    x = normal(2, 9, 15).requires_grad_()
    network(images(2, 9, 15), "critic", multipliers=(1, 2))(x, asked())[0].backward()
    assert x.grad is not None
    assert (x.grad[0] != 0).all()
    assert (x.grad[1] == 0).all()
    made = network(images(2, 9, 15), "generator", latent=(3,))
    assert (made(normal(3), asked()) != made(-normal(3), asked())).all()


def test_a_latent_that_keeps_places_acts_near_its_place() -> None:
    made = network(images(1, 32, 32), "generator", latent=(2, 16, 16), multipliers=(1, 1), conditions=ConditionSpace())
    z = normal(2, 16, 16)
    changed = z.clone()
    changed[:, :, 0, 0] += 1
    moved = (made(changed, Condition.none(2)) - made(z, Condition.none(2)))[:, 0] != 0
    assert moved[:, 0, 0].all()
    assert not moved[:, 20:].any()
    assert not moved[:, :, 20:].any()


@pytest.mark.parametrize("spectral", [False, True])
def test_gradient_penalties_reach_the_weights_of_a_critic(spectral: bool) -> None:
    made = network(images(1, 8, 8), "critic", spectral=spectral).requires_grad_().train()
    x = normal(1, 8, 8).requires_grad_()
    (slope,) = torch.autograd.grad(made(x, asked(label=0)).sum(), x, create_graph=True)
    slope.square().sum().backward()
    for name, parameter in made.named_parameters():
        # Biases behind the last leaky step, and what is not asked for, do not move a slope.
        if parameter.ndim > 1 and "scalar" not in name and "unasked" not in name:
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name


def test_spectral_norms_are_one() -> None:
    torch.manual_seed(0)
    made = conv(space=images(1, 8, 8), role="critic", spectral=True, **SMALL)
    for _ in range(60):
        made(normal(1, 8, 8), asked())
    layers = [layer for layer in made.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    assert len(layers) > 6
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), ord=2).sub(1).abs() < 0.05


def test_new_blocks_leave_activations_as_they_are() -> None:
    """However many there are: the last convolution of each begins at zero."""
    torch.manual_seed(0)
    made = conv(space=images(1, 8, 8), role="posterior", latent=(4,), blocks=3, **SMALL)
    x = normal(8, 4, 4)
    assert all(torch.equal(block(x, torch.ones(2, 32)), x) for block in made.trunk.stages[0])  # type: ignore[union-attr,operator]


@pytest.mark.parametrize(
    ("space", "options", "error", "message"),
    [
        (
            images(5),
            {},
            MismatchError,
            r"conv works on .* got continuous of shape \(5,\)\. For a vector, use .*'dense'",
        ),
        (Tokens(vocab_size=4, shape=(3, 4, 4)), {}, MismatchError, r"got tokens of shape \(3, 4, 4\)"),
        (images(1, 3, 8), {}, OptionError, r"with 3 multipliers halves each axis 2 times; got \(3, 8\) places"),
        (images(1, 8, 8), {"width": 0}, OptionError, "width and blocks of conv are 1 or more.*got width=0"),
        (images(1, 8, 8), {"blocks": 0}, OptionError, "blocks=0"),
        (images(1, 8, 8), {"multipliers": ()}, OptionError, r"multipliers=\(\)"),
        (
            images(1, 8, 8),
            {"latent": (4, 5, 5)},
            MismatchError,
            r"the places of a level, \(8, 8\), \(4, 4\), \(2, 2\); got \(4, 5, 5\)\. Choose one of these",
        ),
        (images(1, 8, 8), {"latent": ()}, MismatchError, r"a latent of conv has the shape \(Z,\).* got \(\)"),
    ],
)
def test_what_cannot_be_is_refused(
    space: SampleSpace, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        conv(space=space, role="generator", **(SMALL | {"latent": (4,)} | options))
