"""How kernels of attention are cut and launched: by what is alike in all rows of a call."""

from __future__ import annotations

from dataclasses import dataclass

import torch

__all__ = ["Tiles", "forward_tiles", "key_tiles", "query_tiles"]


_SHORT = 512
"""Up to so many keys, making descriptors in the kernel takes longer than they save."""


@dataclass(frozen=True, kw_only=True)
class Tiles:
    """How a kernel is cut and launched.

    rows, columns: queries and keys of a tile
    described:     whether tiles of the loop are fetched by the tensor memory accelerator of Hopper
    specialised:   whether one warp fetches and the others compute; Triton 3.6 does it with 4 warps and described tiles
                   only, and leaves it out silently otherwise
    """

    rows: int
    columns: int
    warps: int
    stages: int
    described: bool = False
    specialised: bool = False


def forward_tiles(
    width: int, dtype: torch.dtype, architecture: int, *, length: int | None, causal: bool, biased: bool
) -> Tiles:
    """Return how the forward pass over so many keys is cut for heads of a width; architecture 90 is Hopper.

    length: None for packed sequences, of which some are long and some are not
    """
    if dtype == torch.float32:
        return Tiles(rows=64, columns=32, warps=4, stages=1)
    if architecture != 90:
        return Tiles(rows=64, columns=64, warps=4, stages=2)
    if biased:
        return Tiles(rows=64, columns=64, warps=4, stages=3, described=True)
    if length is not None and length <= _SHORT:
        return _short_tiles(width, causal=causal)
    if width > 64:
        return Tiles(rows=128, columns=128, warps=4, stages=2, described=True, specialised=True)
    return Tiles(rows=64, columns=64 if causal else 128, warps=4, stages=2, described=True)


def _short_tiles(width: int, *, causal: bool) -> Tiles:
    if causal:
        return Tiles(rows=64, columns=32, warps=4, stages=3, described=True)
    return Tiles(rows=128 if width <= 64 else 64, columns=64, warps=4, stages=3, described=True)


def query_tiles(width: int, dtype: torch.dtype, architecture: int, *, biased: bool) -> Tiles:
    """Return how the backward pass of queries is cut."""
    if dtype == torch.float32:
        return Tiles(rows=32, columns=32, warps=4, stages=1)
    if architecture == 90:
        return Tiles(rows=64, columns=32, warps=4, stages=3, described=True)
    return Tiles(rows=32, columns=64, warps=4, stages=1)


def key_tiles(width: int, dtype: torch.dtype, architecture: int) -> Tiles:
    """Return how the backward pass of keys and values is cut."""
    if dtype == torch.float32:
        return Tiles(rows=32, columns=32, warps=4, stages=1)
    if architecture == 90:
        # With 64 queries a tile, heads wider than 64 do not fit the registers.
        return Tiles(rows=32, columns=64, warps=4, stages=3, described=True)
    return Tiles(rows=32, columns=64, warps=4, stages=1)
