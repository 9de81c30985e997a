from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.backbones.dense import dense
from genwright.errors import OptionError
from genwright.readings import Condition
from genwright.space import ConditionSpace, Continuous
from genwright.specs import Role
from genwright.testing.networks import shaken

CONDITIONS = ConditionSpace(labels={"colour": ("red", "green")})
PLANE = Continuous(shape=(2,), axes=("C",))
LEVEL = torch.tensor([0.2, 0.4])


def network(role: Role, space: Continuous = PLANE, **options: Any) -> nn.Module:
    """A network all of whose weights matter; a denoiser's last layer begins at zero."""
    return shaken(
        dense(space=space, conditions=CONDITIONS, role=role, **({"width": 16, "latent": (3,)} | options)), by=0.3
    ).eval()


def asked(label: int = -1) -> Condition:
    nothing = Condition.none(2, labels=1)
    return Condition(scalars=nothing.scalars, labels=torch.full((2, 1), label), prefix=nothing.prefix)


def given(role: Role, space: Continuous = PLANE) -> tuple[Tensor, ...]:
    """What a network in a role is called with, apart from the condition."""
    x = torch.randn(2, *((3,) if role == "generator" else space.shape), generator=torch.Generator().manual_seed(1))
    return (x, LEVEL) if role == "denoise" else (x,)


ROLES: dict[Role, tuple[int, ...]] = {"denoise": (2, 2), "generator": (2, 2), "posterior": (2, 3), "critic": (2,)}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gives_its_shape_and_learns_with_every_weight(role: Role) -> None:
    made = network(role)
    found = made(*given(role), asked(1))
    assert found.shape == ROLES[role]
    found.square().sum().backward()
    for name, parameter in made.named_parameters():
        if parameter.numel():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("role", ROLES)
def test_what_is_asked_for_acts_alone_and_rows_do_not_meet(role: Role) -> None:
    made, (x, *rest) = network(role), given(role)
    before = made(x, *rest, asked())
    assert (made(x, *rest, asked(0)) - made(x, *rest, asked(1))).abs().max() > 1e-3
    assert (made(x, *rest, asked(0)) - before).abs().max() > 1e-3
    moved = made(x * torch.tensor([[1.0], [2.0]]), *rest, asked())
    assert torch.equal(moved[0], before[0])
    assert (moved[1] - before[1]).abs().max() > 1e-3


def test_the_level_of_noise_acts() -> None:
    made, (x, level) = network("denoise"), given("denoise")
    assert (made(x, level + 0.1, asked()) - made(x, level, asked())).abs().max() > 1e-3


def test_samples_of_any_shape_are_seen_as_one_vector() -> None:
    space = Continuous(shape=(1, 3, 4), axes=("C", "Y", "X"))
    assert network("denoise", space)(*given("denoise", space), asked()).shape == (2, 1, 3, 4)
    assert network("posterior", space, latent=(2, 5))(*given("posterior", space), asked()).shape == (2, 2, 5)
    assert network("generator", space)(*given("generator", space), asked()).shape == (2, 1, 3, 4)


def test_a_new_denoiser_gives_zeros() -> None:
    made = dense(space=PLANE, conditions=CONDITIONS, role="denoise", width=16)
    assert torch.equal(made(*given("denoise"), asked()), torch.zeros(2, 2))


@pytest.mark.parametrize("options", [{"width": 0}, {"depth": 0}])
def test_sizes_that_cannot_be_are_refused(options: dict[str, int]) -> None:
    name = next(iter(options))
    with pytest.raises(OptionError, match=f"width and depth of dense are 1 or more; got .*{name}=0"):
        dense(space=PLANE, conditions=CONDITIONS, role="critic", **options)
