"""What the operation takes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.sampler_step.coefficients import euler
from genwright.kernels.sampler_step.spec import SPEC, sampler_step
from genwright.seeds import Noise

TABLE = euler([2.0, 1.0, 0.0])
X = torch.ones(2, 6)


@pytest.mark.parametrize(
    ("args", "keywords", "reason"),
    [
        ((X.double(), X, TABLE, 0), {}, "it takes float32; got torch.float32, torch.float64"),
        ((X.T, X.T, TABLE, 0), {}, "it takes contiguous tensors"),
        ((X, X[:1], TABLE, 0), {}, r"tensors of one shape; got \[2, 6\], \[1, 6\]"),
        ((X, X, TABLE, 2), {}, r"a row of a table of 7 columns; got row 2 of \[2, 7\]"),
        ((X, X, TABLE, -1), {}, "got row -1"),
        ((X, X, TABLE, 0), {"corrects": True}, "the reference does not take these"),
        ((X, X, TABLE, 0), {"noise": Noise(0, torch.arange(3))}, "the reference does not take these"),
    ],
)
def test_what_the_kernel_cannot_take_is_refused_with_the_reason(
    args: tuple[Any, ...], keywords: dict[str, Any], reason: str
) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    with use(sampler_step="triton"), pytest.raises(MismatchError, match=reason):
        sampler_step(*args, **keywords)


def test_traffic_counts_each_tensor_once() -> None:
    table = 4 * 7
    assert SPEC.traffic(X, X, TABLE, 0) == 3 * X.nbytes + table
    assert SPEC.traffic(X, X, TABLE, 0, before=X, unasked=X, keep=True) == 6 * X.nbytes + table
    assert SPEC.traffic(X, X, TABLE, 0, before=X, keep=True) == 4 * X.nbytes + table
    assert SPEC.work(X, X, TABLE, 0, before=X) == 2 * SPEC.work(X, X, TABLE, 0)
    assert SPEC.work(X, X, TABLE, 0, noise=Noise(0, torch.arange(2))) > 10 * SPEC.work(X, X, TABLE, 0)
