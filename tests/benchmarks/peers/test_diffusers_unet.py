"""The same weights give the same images by diffusers and by the operations of Genwright."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch

pytest.importorskip("diffusers", reason="diffusers is a peer of the benchmarks, and not installed")
from benchmarks.peers.diffusers_unet import ours, peer
from genwright.kernels import recorded, use

QUICK = {"attention": "numba", "group_norm_silu": "numba"} if find_spec("numba") else {}


def test_both_networks_give_the_same_noise() -> None:
    network = peer("ddim", steps=2, dtype=torch.float32, channels=(32, 64)).network
    x = torch.randn(3, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode(), use(**QUICK), recorded() as chosen:
        found, expected = ours(network)(x, 500).sample, network(x, 500).sample
    assert expected.std() > 0.1
    assert (found - expected).abs().max() < 1e-4
    assert chosen.keys() - {"convolution", "linear"} == {"attention", "group_norm_silu"}
    assert {name for operation in ("attention", "group_norm_silu") for name in chosen[operation]} == (
        {"numba"} if QUICK else {"reference"}
    )


@pytest.mark.parametrize("scheduler", ["ddim", "dpm-solver++"])
def test_both_draw_the_same_images(scheduler: str) -> None:
    made = peer(scheduler, steps=3, dtype=torch.float32, channels=(32, 32))
    noise = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    with use(**QUICK):
        found = type(made)(network=ours(made.network), scheduler=made.scheduler, shape=made.shape).drawn(noise)
    assert (found - made.drawn(noise)).abs().max() < 1e-3 * made.drawn(noise).std()


def test_the_network_has_the_weights_that_its_speed_is_told_of() -> None:
    made = peer("ddim", steps=50, dtype=torch.bfloat16)
    weights = list(made.network.parameters())
    assert round(sum(weight.numel() for weight in weights) / 1e6, 1) == 7.4
    assert {weight.dtype for weight in weights} == {torch.bfloat16}
    assert len(made.scheduler.timesteps) == 50
