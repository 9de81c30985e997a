from __future__ import annotations

import torch
from torch import nn

from genwright.readings import Condition
from genwright.space import ConditionSpace, Continuous, Tokens
from genwright.testing.networks import Affine, affine, asked, shaken


def test_shaking_moves_every_parameter_alike_each_time_and_by_as_much_as_is_said() -> None:
    one, other = (nn.Sequential(nn.Linear(400, 300), nn.Conv1d(3, 5, 3)) for _ in range(2))
    other.load_state_dict(one.state_dict())
    before = [parameter.detach().clone() for parameter in one.parameters()]
    assert shaken(one, by=0.5) is one
    for old, new, same in zip(before, one.parameters(), shaken(other, by=0.5).parameters(), strict=True):
        assert bool((old != new).all())
        assert torch.equal(new, same)
    assert abs(float((one[0].weight.detach() - before[0]).std()) - 0.5) < 0.005


def test_a_parameter_without_numbers_is_left() -> None:
    network = nn.Module()
    network.register_parameter("none", nn.Parameter(torch.empty(0, 3)))
    assert [tuple(parameter.shape) for parameter in shaken(network).parameters()] == [(0, 3)]


def test_by_default_nothing_is_asked_for() -> None:
    nothing, something = asked(rows=3), asked(0.5, 1)
    expected = Condition.none(3, scalars=1, labels=1)
    assert torch.equal(nothing.labels, expected.labels)
    assert nothing.scalars.isnan().all()
    assert nothing.prefix.shape == expected.prefix.shape == (3, 0)
    assert (something.scalars.tolist(), something.labels.tolist()) == ([[0.5], [0.5]], [[1], [1]])


def test_an_affine_network_is_one_matrix_and_a_shift() -> None:
    network, nothing = Affine((2, 3), (4,)), Condition.none(2)
    x = torch.randn(2, 2, 3, generator=torch.Generator().manual_seed(1))
    expected = x.flatten(1) @ network.layer.weight.mT + network.layer.bias
    assert torch.allclose(network(x, nothing), expected, atol=1e-6)


def test_affine_networks_serve_a_vae_of_numbers_and_of_tokens() -> None:
    for space, outward in (
        (Continuous(shape=(5,), axes=("X",)), (5,)),
        (Tokens(vocab_size=3, shape=(2, 2)), (2, 2, 3)),
    ):
        posterior = affine("posterior", space=space, conditions=ConditionSpace(), latent=(4,))
        likelihood = affine("likelihood", space=space, conditions=ConditionSpace(), latent=(2,))
        assert posterior(torch.zeros(7, *space.shape), Condition.none(7)).shape == (7, 4)
        assert likelihood(torch.zeros(7, 2), Condition.none(7)).shape == (7, *outward)
