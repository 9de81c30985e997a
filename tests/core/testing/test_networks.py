from __future__ import annotations

import torch
from torch import nn

from genwright.readings import Condition
from genwright.testing.networks import asked, stirred


def test_every_weight_of_a_stirred_network_matters() -> None:
    network = nn.Sequential(nn.Linear(400, 300), nn.Conv1d(3, 5, 3))
    for parameter in network.parameters():
        parameter.data.zero_()
    found = stirred(network, gain=2.0)
    assert found is network
    assert not network.training
    assert all(parameter.all() and not parameter.requires_grad for parameter in network.parameters())
    assert abs(float(network[0].weight.detach().std()) - 2 / 20) < 0.002


def test_stirring_gives_the_same_weights_each_time() -> None:
    one, other = stirred(nn.Linear(3, 2)), stirred(nn.Linear(3, 2))
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.bias, other.bias)


def test_by_default_nothing_is_asked_for() -> None:
    nothing, something = asked(rows=3), asked(0.5, 1)
    expected = Condition.none(3, scalars=1, labels=1)
    assert torch.equal(nothing.labels, expected.labels)
    assert nothing.scalars.isnan().all()
    assert nothing.prefix.shape == expected.prefix.shape == (3, 0)
    assert (something.scalars.tolist(), something.labels.tolist()) == ([[0.5], [0.5]], [[1], [1]])
