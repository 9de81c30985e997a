"""How samples come about, call by call of the network."""

from __future__ import annotations

from typing import Any, TypeVar, final

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from genwright.errors import MismatchError, OptionError
from genwright.generation import Generation
from genwright.readings import Condition, Denoiser, Reading, Unmasker
from genwright.samplers.inpainting import Inpainted

__all__ = ["trajectory"]

Item = TypeVar("Item")


def trajectory(generation: Generation[Item], n: int) -> list[list[Item]]:
    """Return what the network took the first n samples for at each call, and last the samples themselves.

    A call at the same level of noise as the one before is left out, so guidance shows what follows the condition.

    Raises MismatchError for a model that gives its samples token by token or at once, OptionError for more samples than
    `generation` has rows.
    """
    if n > generation.rows:
        raise OptionError(
            f"a trajectory is of up to {generation.rows} samples, those of one batch; got {n}. Ask for less."
        )
    watched = _watched(generation.reading)
    samples = generation.tensors(torch.arange(n), reading=watched)
    return [list(generation.decoded(_whole(x[:n], generation))) for x in (*watched.seen, samples)]


def _whole(x: Tensor, generation: Generation[Any]) -> Tensor:
    """Return what a network gave with a part that is kept in its place, which the network knows nothing of."""
    for sampler in generation.samplers:
        x = sampler.put(x) if isinstance(sampler, Inpainted) else x
    return x


def _watched(reading: Reading) -> _WatchedDenoiser | _WatchedUnmasker:
    if isinstance(reading, Denoiser):
        return _WatchedDenoiser(reading)
    if isinstance(reading, Unmasker):
        return _WatchedUnmasker(reading)
    raise MismatchError(
        "a trajectory shows whole samples that become clearer, as those of diffusion, flow and masked models do; this "
        "model gives its samples token by token, or at once. Choose another model."
    )


@final
class _WatchedDenoiser:
    """A denoiser that keeps what it takes for the clean samples."""

    def __init__(self, inner: Denoiser) -> None:
        self.inner = inner
        self.seen: list[Tensor] = []
        self._level: float | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    def denoise(
        self, x: Float[Tensor, " B *shape"], sigma: Float[Tensor, " B"], condition: Condition
    ) -> Float[Tensor, " B *shape"]:
        clean = self.inner.denoise(x, sigma, condition)
        level = float(sigma[0])
        if level != self._level:
            self.seen.append(clean)
        self._level = level
        return clean


@final
class _WatchedUnmasker:
    """An unmasker that keeps what is drawn, with the likeliest tokens where nothing is."""

    def __init__(self, inner: Unmasker) -> None:
        self.inner = inner
        self.seen: list[Tensor] = []
        self._given: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.inner.shape

    @property
    def mask(self) -> int:
        return self.inner.mask

    def unmask(self, x: Int64[Tensor, " B *shape"], condition: Condition) -> Float[Tensor, " B *shape V"]:
        logits = self.inner.unmask(x, condition)
        if self._given is None or not torch.equal(x, self._given):
            self.seen.append(torch.where(x == self.mask, logits.argmax(-1), x))
        self._given = x
        return logits
