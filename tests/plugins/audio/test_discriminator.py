from __future__ import annotations

import torch

from genwright.seeds import Noise, seeded_torch
from genwright_audio.discriminator import Discriminator
from genwright_audio.spectrum import Frames

FRAMES = [Frames(rate=8000, bands=1, size=size, hop=size // 4) for size in (128, 256)]


def test_each_network_gives_its_layers_and_how_real_the_places_look() -> None:
    with seeded_torch(1):
        judge = Discriminator(frames=FRAMES, width=4)
    found = judge(0.1 * Noise(1, torch.arange(3)).normal("waves", 0, 2000))
    assert [len(layers) for layers in found] == [5, 5]
    assert all(layers[-1].shape[:2] == (3, 1) for layers in found)
    assert all(bool(layer.isfinite().all()) for layers in found for layer in layers)


def test_it_learns_to_tell_a_tone_from_noise() -> None:
    with seeded_torch(1):
        judge = Discriminator(frames=FRAMES, width=4)
    optimiser = torch.optim.AdamW(judge.parameters(), lr=3e-3)
    noise = 0.3 * Noise(1, torch.arange(4)).normal("waves", 0, 2000)
    tone = torch.sin(torch.arange(2000) * torch.linspace(0.3, 0.6, 4)[:, None])
    for _ in range(20):
        loss = sum(
            (1 - a[-1]).relu().mean() + (1 + b[-1]).relu().mean()
            for a, b in zip(judge(tone), judge(noise), strict=True)
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for real, made in zip(judge(tone), judge(noise), strict=True):
        assert real[-1].detach().mean() > made[-1].detach().mean() + 0.5


def test_silence_has_a_gradient() -> None:
    with seeded_torch(1):
        judge = Discriminator(frames=FRAMES, width=4)
    silence = torch.zeros(1, 2000, requires_grad=True)
    torch.stack([layers[-1].sum() for layers in judge(silence)]).sum().backward()
    assert silence.grad is not None
    assert bool(silence.grad.isfinite().all())
