from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from benchmarks.peers.diffusers_ddim import Peer, Wrapped, peer
from genwright.readings import Condition

KEPT = torch.tensor([0.8, 0.5, 0.2])


class Tenth(nn.Module):
    """Takes a tenth of what it is given for the noise, and keeps what that was."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.seen: list[tuple[Tensor, int]] = []

    def forward(self, x: Tensor, time: Tensor) -> Any:
        self.seen.append((x, int(time)))
        return SimpleNamespace(sample=0.1 * x)


def test_a_peers_network_is_read_as_a_denoiser_at_the_levels_of_its_steps() -> None:
    scheduler = SimpleNamespace(alphas_cumprod=KEPT, timesteps=torch.tensor([2, 0]))
    network = Tenth()
    made = Peer(network=network, scheduler=scheduler, shape=(3,))
    assert made.sigmas == pytest.approx([2.0, 0.5, 0.0])
    x = torch.tensor([[1.0, 2.0, 3.0]])
    clean = Wrapped(made).denoise(x, torch.tensor([2.0]), Condition.none(1))
    inward, time = network.seen[0]
    assert time == 2
    assert torch.allclose(inward, x / 5**0.5)
    assert torch.allclose(clean, x - 2.0 * 0.1 * x / 5**0.5)


def test_the_peer_draws_as_many_samples_as_it_is_given_noise() -> None:
    pytest.importorskip("diffusers", reason="diffusers is a peer of the benchmarks, and not installed")
    made = peer(shape=(1, 8, 8), channels=(8, 8), blocks=1, steps=2, dtype=torch.float32)
    assert made.drawn(torch.zeros(3, 1, 8, 8)).shape == (3, 1, 8, 8)
    assert made.sigmas[-1] == 0.0
    assert made.sigmas == sorted(made.sigmas, reverse=True)
