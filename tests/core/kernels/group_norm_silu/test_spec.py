"""What the operation takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.group_norm_silu.spec import SPEC, group_norm_silu

X, W, ROW = torch.ones(2, 4, 3, 5), torch.ones(4), torch.ones(2, 4)


@pytest.mark.parametrize(
    ("x", "groups", "weight", "keywords", "reason"),
    [
        (X.double(), 2, W, {}, "all float32, float16 or bfloat16"),
        (X, 3, W, {}, r"got \[2, 4, 3, 5\] of 3 groups"),
        (torch.ones(1, 257), 1, torch.ones(257), {}, "up to 128 channels a group"),
        (X, 2, W, {"scale": ROW}, "a scale and a shift, or neither"),
        (X, 2, W, {"scale": ROW, "shift": ROW[:1]}, "a scale and a shift for each of a sample"),
        (X, 2, torch.ones(8)[::2], {}, "whose channels lie together"),
        (X.mT, 2, W, {}, "contiguous tensors, or such with channels last"),
        (X, 2, W.clone().requires_grad_(), {}, "no gradients"),
    ],
)
def test_what_the_kernel_cannot_take_is_refused_with_the_reason(
    x: Tensor, groups: int, weight: Tensor, keywords: dict[str, Tensor], reason: str
) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    with use(group_norm_silu="triton"), pytest.raises(MismatchError, match=reason):
        group_norm_silu(x, groups, weight, torch.ones_like(weight.detach()), **keywords)


def test_traffic_is_two_readings_and_one_writing() -> None:
    assert SPEC.traffic(X, 2, W, W) == 3 * X.nbytes + 2 * W.nbytes
    assert SPEC.traffic(X, 2, W, W, scale=ROW, shift=ROW) == 3 * X.nbytes + 2 * W.nbytes + 2 * ROW.nbytes
    assert SPEC.work(X, 2, W, W) == 20 * X.numel()
