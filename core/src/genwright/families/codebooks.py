"""Ways to replace vectors by the nearest of finitely many: a learned table, or a grid."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from genwright.errors import OptionError
from genwright.seeds import Noise

__all__ = ["Codebook", "Grid", "Table"]

# Steps without use after which an entry of a table is given another place.
_PATIENCE = 100
# How much posteriors are drawn to their entries, against how much entries are drawn to them.
_COMMITMENT = 0.25


class Codebook(nn.Module, ABC):
    """Finitely many vectors, numbered from 0 to size - 1.

    size:  how many
    width: how many numbers each has
    """

    size: int
    width: int

    @abstractmethod
    def nearest(self, z: Float[Tensor, "*rows W"]) -> Int64[Tensor, " *rows"]:
        """Return the number of the vector that each is replaced by."""

    @abstractmethod
    def vectors(self, codes: Int64[Tensor, " *rows"]) -> Float[Tensor, "*rows W"]:
        """Return the vectors of these numbers."""

    @abstractmethod
    def quantized(self, z: Float[Tensor, "B N W"], noise: Noise) -> tuple[Float[Tensor, "B N W"], Float[Tensor, " B"]]:
        """Return the vectors that replace these, through which gradients pass straight, and what doing so costs."""


@final
class Table(Codebook):
    """Vectors that move to what they replace. One that replaces nothing for long is put where something is.

    All are first put so, at the first step. Where they are put is decided by noise alone, and how long each was idle is
    kept with the weights, so training that was interrupted goes on as if it had not been.

    Source: van den Oord, Vinyals and Kavukcuoglu (2017), arXiv:1711.00937.
    """

    def __init__(self, *, size: int, width: int) -> None:
        super().__init__()
        if size < 2 or width < 1:
            raise OptionError(
                f"a table has 2 codes or more, of width 1 or more; got codes={size}, width={width}. Try 512 and 16."
            )
        self.size, self.width = size, width
        self.entries = nn.Parameter(torch.zeros(size, width))
        self.register_buffer("idle", torch.full((size,), _PATIENCE))

    idle: Tensor

    def nearest(self, z: Float[Tensor, "*rows W"]) -> Int64[Tensor, " *rows"]:
        """Return the number of the entry at the least distance."""
        # In bfloat16, as training may be, distances of near entries are all the same.
        with torch.autocast(z.device.type, enabled=False):
            entries = self.entries.float()
            # The square of z is the same for every entry.
            return (entries.square().sum(1) - 2 * z.float() @ entries.T).argmin(-1)

    def vectors(self, codes: Int64[Tensor, " *rows"]) -> Float[Tensor, "*rows W"]:
        """Return the entries of these numbers."""
        return self.entries[codes]

    def quantized(self, z: Float[Tensor, "B N W"], noise: Noise) -> tuple[Float[Tensor, "B N W"], Float[Tensor, " B"]]:
        """Return the nearest entries, and the mean squares that draw entries and vectors together."""
        if self.training:
            self._restart(z.detach(), noise)
        codes = self.nearest(z.detach())
        if self.training:
            self._note(codes)
        found = self.vectors(codes)
        drawn, committed = (found - z.detach()).square(), (z - found.detach()).square()
        return z + (found - z).detach(), (drawn + _COMMITMENT * committed).mean((1, 2))

    @torch.no_grad()
    def _restart(self, z: Tensor, noise: Noise) -> None:
        """Put the entries that have been idle for long where vectors of this batch are."""
        dead = (self.idle >= _PATIENCE).nonzero()[:, 0]
        if not len(dead):
            return
        order = noise.bits("restart", 0, z.shape[1]).flatten().argsort(stable=True)
        chosen = order[torch.arange(len(dead), device=order.device) % len(order)]
        self.entries[dead] = z.flatten(0, 1)[chosen].to(self.entries.dtype)
        self.idle[dead] = 0

    def _note(self, codes: Tensor) -> None:
        used = torch.bincount(codes.flatten(), minlength=self.size) > 0
        self.idle.copy_(torch.where(used, 0, self.idle + 1))


@final
class Grid(Codebook):
    """A grid with so many levels along each axis, from -1 to 1: nothing is learned, and no code dies out.

    Vectors are pressed between the outermost levels before the nearest is taken.

    Source: Mentzer et al. (2023), arXiv:2309.15505 (finite scalar quantization), whose levels these are; that they lie
    evenly about 0 also where their number is even is ours.
    """

    def __init__(self, *, levels: Sequence[int]) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise OptionError(f"a grid has 2 levels or more along each axis; got {tuple(levels)}. Try 8,5,5,5.")
        self.size, self.width = math.prod(levels), len(levels)
        steps = [math.prod(levels[:axis]) for axis in range(len(levels))]
        self.register_buffer("levels", torch.tensor(list(levels)), persistent=False)
        self.register_buffer("steps", torch.tensor(steps), persistent=False)

    levels: Tensor
    steps: Tensor

    def nearest(self, z: Float[Tensor, "*rows W"]) -> Int64[Tensor, " *rows"]:
        """Return the number of the nearest point, its first axis counting fastest."""
        return (self._places(z).round().long() * self.steps).sum(-1)

    def vectors(self, codes: Int64[Tensor, " *rows"]) -> Float[Tensor, "*rows W"]:
        """Return the points of these numbers."""
        return self._spread(codes[..., None] // self.steps % self.levels)

    def quantized(self, z: Float[Tensor, "B N W"], noise: Noise) -> tuple[Float[Tensor, "B N W"], Float[Tensor, " B"]]:
        """Return the nearest points, at no cost."""
        places = self._places(z)
        return self._spread(places + (places.round() - places).detach()), torch.zeros(len(z), device=z.device)

    def _places(self, z: Tensor) -> Tensor:
        """Return where vectors lie among the levels, from 0 to the last."""
        return (self.levels - 1) * (z.float().tanh() + 1) / 2

    def _spread(self, places: Tensor) -> Tensor:
        return 2 * places / (self.levels - 1) - 1
