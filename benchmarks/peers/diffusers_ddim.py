"""Hugging Face diffusers drawing images by DDIM, and its network read as a denoiser."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import torch
from torch import Tensor

from genwright.readings import Condition

__all__ = ["Peer", "Wrapped", "load_torchaudio", "peer"]

_TRAINED = 1000


@final
@dataclass(frozen=True, kw_only=True)
class Peer:
    """A network of diffusers with its scheduler of DDIM steps, and the shape of a sample."""

    network: Any
    scheduler: Any
    shape: tuple[int, ...]

    def drawing(self, rows: int) -> Callable[[], object]:
        """Return what draws so many images: the pipeline that users call, or its steps in bfloat16, which it refuses.

        It ends by making images of numpy, which knows no bfloat16.
        """
        weight = next(self.network.parameters())
        if weight.dtype == torch.bfloat16:
            return lambda: self.drawn(torch.randn(rows, *self.shape, dtype=weight.dtype))
        from diffusers import DDIMPipeline

        drawing = DDIMPipeline(unet=self.network, scheduler=self.scheduler)
        drawing.set_progress_bar_config(disable=True)
        steps = len(self.scheduler.timesteps)
        return lambda: drawing(batch_size=rows, num_inference_steps=steps, output_type="np")

    @torch.inference_mode()
    def drawn(self, noise: Tensor) -> Tensor:
        """Return the samples that its own steps make of unit noise."""
        # Schedulers of several steps count those that they took.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.scheduler.set_timesteps(len(self.scheduler.timesteps), device=noise.device)
        x = noise
        for time in self.scheduler.timesteps:
            x = self.scheduler.step(self.network(x, time).sample, time, x).prev_sample
        return x

    @property
    def sigmas(self) -> list[float]:
        """The levels of noise of its steps, in units of the sample, and 0."""
        kept = self.scheduler.alphas_cumprod[self.scheduler.timesteps].double()
        return [*((1 - kept) / kept).sqrt().tolist(), 0.0]


@final
@dataclass(frozen=True)
class Wrapped:
    """A peer's network, which gives the noise at whole times, read as a denoiser at the levels of its steps."""

    peer: Peer

    @property
    def shape(self) -> tuple[int, ...]:
        return self.peer.shape

    @cached_property
    def _times(self) -> dict[float, Tensor]:
        return dict(zip(self.peer.sigmas, self.peer.scheduler.timesteps, strict=False))

    @torch.inference_mode()
    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        level = float(sigma[0])
        time = self._times[min(self._times, key=lambda known: abs(known - level))]
        weight = next(self.peer.network.parameters())
        inward = (x / (1 + level**2) ** 0.5).to(weight.dtype)
        noise: Tensor = self.peer.network(inward, time).sample
        return x - level * noise.to(x.dtype)


def load_torchaudio() -> None:
    """Load torchaudio, if there is one: what imports it fails over an extension that does not fit torch."""
    with suppress(ImportError):
        from genwright_audio.extension import torchaudio

        torchaudio()


def peer(*, shape: tuple[int, ...], channels: tuple[int, ...], blocks: int, steps: int, dtype: torch.dtype) -> Peer:
    """Return a UNet2DModel with random weights, without attention. Raises ImportError without diffusers."""
    load_torchaudio()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DDIMScheduler, UNet2DModel

        scheduler = DDIMScheduler(num_train_timesteps=_TRAINED, clip_sample=False)
        scheduler.set_timesteps(steps)
        torch.manual_seed(0)
        network = UNet2DModel(
            sample_size=shape[-1],
            in_channels=shape[0],
            out_channels=shape[0],
            block_out_channels=channels,
            layers_per_block=blocks,
            norm_num_groups=8,
            down_block_types=("DownBlock2D",) * len(channels),
            up_block_types=("UpBlock2D",) * len(channels),
            add_attention=False,
        )
    # Its own `to` tells of layers that it would rather keep in float32, of which this network has none.
    return Peer(network=torch.nn.Module.to(network.eval(), dtype), scheduler=scheduler, shape=shape)
