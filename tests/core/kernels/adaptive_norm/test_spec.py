"""What the operation takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.adaptive_norm.spec import SPEC, adaptive_norm

X, ROW = torch.ones(2, 3, 4), torch.ones(2, 1, 4)


@pytest.mark.parametrize(
    ("x", "keywords", "reason"),
    [
        (X.double(), {}, "all float32, float16 or bfloat16"),
        (X, {"update": X.half()}, "all float32, float16 or bfloat16"),
        (X[0], {}, r"D up to 16,384; got \[3, 4\]"),
        (torch.ones(1, 1, 16_385), {}, r"D up to 16,384; got \[1, 1, 16385\]"),
        (X, {"scale": ROW}, "a scale and a shift, or neither"),
        (X, {"update": X, "gate": ROW[:1]}, r"a row of 4 channels a sample; got \[\[1, 1, 4\]\]"),
        (X, {"weight": torch.ones(3)}, "a weight for each channel"),
        (X.mT.contiguous().mT, {}, "contiguous"),
        (X, {"weight": torch.ones(4, requires_grad=True)}, "no gradients"),
    ],
)
def test_what_the_kernel_cannot_take_is_refused_with_the_reason(
    x: Tensor, keywords: dict[str, Tensor], reason: str
) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    with use(adaptive_norm="triton"), pytest.raises(MismatchError, match=reason):
        adaptive_norm(x, **keywords)


def test_traffic_counts_each_tensor_once() -> None:
    assert SPEC.traffic(X) == 2 * X.nbytes
    assert SPEC.traffic(X, update=X, gate=ROW, weight=None) == 4 * X.nbytes + ROW.nbytes
    assert SPEC.work(X, update=X) == 12 * X.numel()
