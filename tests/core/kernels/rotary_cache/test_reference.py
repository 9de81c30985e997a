"""What goes before attention when tokens are drawn, in plain PyTorch."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from genwright.backbones.transformer import rotation
from genwright.kernels.rotary_cache.reference import rotary_cache, rotate

NOISE = torch.Generator().manual_seed(5)


def test_queries_and_keys_are_normed_and_turned_and_values_are_not() -> None:
    inward, at = torch.randn(2, 4 + 2 * 2, 6, generator=NOISE), torch.tensor([3, 0])
    cosine, sine = rotation(8, 6)
    keys, values = torch.zeros(2, 2, 8, 6), torch.zeros(2, 2, 8, 6)
    queries = rotary_cache(inward, cosine, sine, at, keys, values)
    turned = rotate(F.rms_norm(inward[:, :6], (6,)), cosine[at][:, None], sine[at][:, None])
    assert torch.equal(queries, turned[:, :4])
    for row, place in enumerate(at.tolist()):
        assert torch.equal(keys[row, :, place], turned[row, 4:])
        assert torch.equal(values[row, :, place], inward[row, 6:])


def test_all_other_places_of_the_cache_stay_and_so_does_what_pads_a_head() -> None:
    keys, values = torch.full((1, 2, 5, 8), 7.0), torch.full((1, 2, 5, 8), 9.0)
    cosine, sine = rotation(5, 6)
    queries = rotary_cache(torch.randn(1, 6, 6, generator=NOISE), cosine, sine, torch.tensor([2]), keys, values)
    assert (queries[..., 6:] == 0).all()
    for cache, before in ((keys, 7.0), (values, 9.0)):
        assert (cache[..., 6:] == before).all()
        assert (cache[:, :, [0, 1, 3, 4]] == before).all()
        assert (cache[:, :, 2, :6] != before).all()


def test_queries_and_the_cache_are_in_its_dtype() -> None:
    keys, values = torch.zeros(2, 1, 4, 8, dtype=torch.bfloat16), torch.zeros(2, 1, 4, 8, dtype=torch.bfloat16)
    inward = torch.randn(2, 3, 8, generator=NOISE)
    queries = rotary_cache(inward, *rotation(4, 8), torch.tensor([1, 1]), keys, values)
    assert queries.dtype == torch.bfloat16
    assert torch.equal(values[:, :, 1], inward[:, 2:].bfloat16())
