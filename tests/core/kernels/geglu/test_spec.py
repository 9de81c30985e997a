"""What the operation takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.geglu.spec import SPEC, geglu


@pytest.mark.parametrize(
    ("hidden", "reason"),
    [
        (torch.ones(2, 4, dtype=torch.float64), "float32, float16 and bfloat16; got torch.float64"),
        (torch.ones(2, 5), r"an even number of channels; got \[2, 5\]"),
        (torch.ones(4, 2).T, "contiguous"),
        (torch.ones(2, 4, requires_grad=True), "no gradients"),
    ],
)
def test_what_the_kernel_cannot_take_is_refused_with_the_reason(hidden: Tensor, reason: str) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    with use(geglu="triton"), pytest.raises(MismatchError, match=reason):
        geglu(hidden)


def test_an_unknown_activation_is_refused_by_the_kernel_too() -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    with use(geglu="triton"), pytest.raises(MismatchError, match="gelu and silu; got 'relu'"):
        geglu(torch.ones(1, 2), activation="relu")  # type: ignore[arg-type]


def test_traffic_is_three_halves_of_what_goes_in() -> None:
    hidden = torch.ones(4, 10)
    assert SPEC.traffic(hidden) == hidden.nbytes + hidden.nbytes // 2
    assert SPEC.work(hidden) == 10 * 20
