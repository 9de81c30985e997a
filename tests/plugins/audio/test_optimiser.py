from __future__ import annotations

import pytest
import torch
from torch import nn

from genwright.seeds import seeded_torch
from genwright_audio.optimiser import Average, move, optimiser, quick, share


@pytest.fixture
def network() -> nn.Linear:
    with seeded_torch(1):
        return nn.Linear(3, 1)


def test_a_step_goes_down_by_as_much_as_the_rate(network: nn.Linear) -> None:
    before = network.weight.detach().clone()
    move(optimiser(network), network(torch.ones(1, 3)).sum(), 1e-3)
    torch.testing.assert_close(network.weight.detach(), before - 1e-3, atol=2e-5, rtol=0)


def test_the_rate_of_learning_grows_over_the_first_steps_and_falls_to_a_hundredth() -> None:
    assert share(0, 100, 0.0) == pytest.approx(0.01)
    assert share(99, 100, 0.0) == 1
    assert share(999, 100, 0.5) == pytest.approx(0.505)
    assert share(999, 100, 1.0) == pytest.approx(0.01)


def test_the_average_is_that_of_all_first_steps_and_then_of_the_last(network: nn.Linear) -> None:
    kept = nn.Linear(3, 1)
    average = Average(kept, kept=0.75)
    for number, value in enumerate((1.0, 3.0, 5.0, 0.0, 0.0, 8.0)):
        nn.init.constant_(network.weight, value)
        average.note(network, number)
        found = float(kept.weight[0, 0])
        expected = {0: 1.0, 1: 2.0, 2: 3.0, 3: 2.25, 4: 2.25 * 0.75, 5: 2.25 * 0.75**2 + 2}[number]
        assert found == pytest.approx(expected)
    assert not kept.weight.requires_grad


def test_a_processor_computes_in_bfloat16(network: nn.Linear) -> None:
    with quick(torch.device("cpu")):
        assert network(torch.ones(1, 3)).dtype == torch.bfloat16
    with quick(torch.device("cuda")):
        assert network(torch.ones(1, 3)).dtype == torch.float32
