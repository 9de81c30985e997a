"""How kernels of attention are cut and launched."""

from __future__ import annotations

import pytest
import torch

from genwright.kernels.attention.tiles import forward_tiles, key_tiles, query_tiles


@pytest.mark.parametrize("width", [32, 40, 64, 96, 128])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_tiles_are_powers_of_two_that_a_product_takes(width: int, dtype: torch.dtype) -> None:
    for architecture in (80, 90):
        some = (
            forward_tiles(width, dtype, architecture, length=1024, causal=False, biased=biased)
            for biased in (False, True)
        )
        others = query_tiles(width, dtype, architecture, biased=False), key_tiles(width, dtype, architecture)
        for tiles in (*some, *others):
            for size in (tiles.rows, tiles.columns):
                assert size >= 16
                assert size & (size - 1) == 0


def test_on_hopper_one_warp_fetches_and_four_are_asked_for() -> None:
    tiles = forward_tiles(128, torch.bfloat16, 90, length=2048, causal=False, biased=False)
    assert (tiles.warps, tiles.described, tiles.specialised) == (4, True, True)
    assert not forward_tiles(128, torch.bfloat16, 80, length=2048, causal=False, biased=False).specialised
