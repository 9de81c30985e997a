"""Between two clips lie sounds, by the latents of a model that learned from such."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import genwright as gw
from genwright.model import Model
from genwright.recording import Recording
from genwright.registry import Plugin, Registry, discover
from genwright.training import trained
from genwright_audio import plugin
from genwright_audio.clip import Clip
from genwright_audio.writers import write

RATE = 8000


def drum(decay: float, *, seconds: float = 0.18) -> Clip:
    """Return a tone that begins at once, fades by a factor of e `decay` times a second, and is silent at its end."""
    times = np.arange(round(seconds * RATE)) / RATE
    wave = 0.8 * np.sin(2 * np.pi * 600 * times) * np.exp(-decay * times) * (1 - times / seconds)
    return Clip(wave=wave.astype(np.float32), rate=RATE)


def middle(clip: Clip) -> float:
    """Return by when half of a clip's energy is heard, in seconds."""
    energy = np.cumsum(clip.wave.astype(np.float64) ** 2)
    return float((energy < energy[-1] / 2).sum() / RATE)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model[Any]:
    specs = [spec for hook in vars(plugin) if hook.startswith("register_") for spec in getattr(plugin, hook)()]
    audio = Plugin(name="audio", distribution="genwright-audio", version="0.1.0", specs=tuple(specs))
    folder = tmp_path_factory.mktemp("between")
    write([drum(decay) for decay in range(4, 40)], folder / "drums")
    recipe = gw.Recipe(
        domain="audio",
        data=str(folder / "drums"),
        encoder=gw.use("mel", bands=24, seconds=0.2, vocoder="griffin-lim-scattered", vary=0.05),
        family=gw.use("vae", latent=2, beta=10.0),
        backbone=gw.use("conv", width=24, multipliers=(1, 2)),
        steps=300,
        batch_size=16,
        learning_rate=0.003,
        average=0.9,
        held_out=0.0,
        precision="float32",
    )
    return trained(
        recipe,
        Recording(None, Registry([discover(only=[]).plugins[0], audio], {}), owned=False),
        name="audio/between",
        folder=folder / "model",
        device="cpu",
        log_every=100,
        tensorboard=None,
        on_report=lambda progress: None,
    )


def test_what_lies_between_two_clips_fades_faster_than_one_and_slower_than_the_other(model: Model[Any]) -> None:
    slow, fast = drum(8), drum(30)
    found = gw.interpolate(model, slow, fast, 5)
    assert [found[0], found[-1]] == gw.decode(model, gw.encode(model, [slow, fast]))
    middles = [middle(clip) for clip in found]
    assert middles[0] > middles[1] > middles[2] > middles[-1]
    assert middles[0] == pytest.approx(middle(slow), rel=0.4)
    assert middles[-1] == pytest.approx(middle(fast), rel=0.4)


def test_what_lies_between_begins_at_once_and_ends(model: Model[Any]) -> None:
    for clip in gw.interpolate(model, drum(8), drum(30), 5):
        assert np.abs(clip.wave).argmax() < 0.04 * RATE
        assert np.abs(clip.wave[-80:]).max() < 0.1 * clip.peak
