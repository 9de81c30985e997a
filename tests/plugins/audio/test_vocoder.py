from __future__ import annotations

import pytest
import torch

from genwright.errors import OptionError
from genwright.seeds import Noise, seeded_torch
from genwright_audio.griffinlim import GriffinLim
from genwright_audio.spectrum import MUSIC, TELEPHONE, Frames, log_mel
from genwright_audio.vocoder import Network


def network(frames: Frames = TELEPHONE, *, rounds: tuple[int, int] = (2, 0)) -> Network:
    with seeded_torch(1):
        return Network(frames=frames, width=16, blocks=2, rounds=rounds).eval().requires_grad_(False)


def mels(rows: int, frames: Frames = TELEPHONE, count: int = 32) -> torch.Tensor:
    waves = 0.1 * Noise(5, torch.arange(rows)).normal("waves", 0, (count - 1) * frames.hop)
    return log_mel(waves, frames)


@pytest.mark.parametrize("frames", [TELEPHONE, MUSIC])
def test_a_spectrum_a_frame_and_a_hop_of_samples_between_frames(frames: Frames) -> None:
    x, made = mels(2, frames), network(frames)
    assert made(x, made.begun(x)).shape == (2, frames.bins, 32)
    assert made.waves(x).shape == (2, 31 * frames.hop)


def test_untrained_it_does_nearly_what_griffin_lim_does() -> None:
    x = mels(1)
    found, plain = network(rounds=(4, 4)).waves(x), GriffinLim(frames=TELEPHONE, rounds=4).waves(x)
    near, far = (float((log_mel(waves, TELEPHONE) - x).abs().mean()) for waves in (found, plain))
    assert near == pytest.approx(far, rel=0.3)


def test_a_row_has_the_same_spectrum_among_others() -> None:
    x, made = mels(3), network()
    begun = made.begun(x)
    torch.testing.assert_close(made(x, begun)[1:2], made(x[1:2], begun[1:2]), atol=1e-5, rtol=1e-4)


def test_rounds_before_and_after_the_network_move_the_phases() -> None:
    x = mels(1)
    found = [network(rounds=rounds).waves(x) for rounds in ((0, 0), (2, 0), (0, 2))]
    assert not any(torch.allclose(one, other) for one, other in zip(found, [found[-1], *found], strict=False))


def test_magnitudes_are_finite_whatever_the_bands() -> None:
    for value in (-12.0, 0.0, 12.0):
        assert bool(network().waves(torch.full((1, 64, 16), value)).isfinite().all())


def test_every_weight_is_learned() -> None:
    learning, x = network().requires_grad_(True), mels(2)
    learning(x, learning.begun(x)).abs().square().sum().backward()
    assert all(value.grad is not None and float(value.grad.abs().sum()) > 0 for value in learning.parameters())


@pytest.mark.parametrize(("width", "blocks", "rounds"), [(0, 6, (1, 0)), (192, 0, (1, 0)), (192, 6, (-1, 0))])
def test_a_network_without_channels_or_blocks_is_refused(width: int, blocks: int, rounds: tuple[int, int]) -> None:
    with pytest.raises(OptionError, match=r"from 1, and rounds from 0; got .* Try 192, 6 and \(8, 8\)."):
        Network(frames=TELEPHONE, width=width, blocks=blocks, rounds=rounds)
