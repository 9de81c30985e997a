"""A convolution by squares is PyTorch's, and a row's bits do not depend on others."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from genwright.kernels.spec import distance

pytest.importorskip("numba", reason="numba compiles its loops")
from genwright.kernels.convolution import cpu
from genwright.kernels.convolution.cpu import convolution
from genwright.kernels.convolution.packed import Packed


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


W, B = normal(32, 16, 3, 3, seed=2), normal(32, seed=3)
PACKED = Packed(weight=W, bias=B)


def exact(x: Tensor) -> Tensor:
    return F.conv2d(x.double(), W.double(), B.double(), padding=1)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (4, 4), (5, 6), (7, 8), (33, 30)])
@pytest.mark.parametrize("rows", [1, 3])
def test_results_are_those_of_pytorch_at_any_height_and_width(size: tuple[int, int], rows: int) -> None:
    x = normal(rows, 16, *size)
    found = convolution(x, PACKED)
    assert distance(found, exact(x)) < 4e-6
    assert found.is_contiguous(memory_format=torch.channels_last)
    last = x.contiguous(memory_format=torch.channels_last)
    assert torch.equal(convolution(last, PACKED), found)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_at_the_end(dtype: torch.dtype) -> None:
    x = normal(2, 16, 8, 8).to(dtype)
    found = convolution(x, PACKED)
    assert found.dtype == dtype
    assert distance(found, exact(x)) < {torch.bfloat16: 3e-3, torch.float16: 4e-4}[dtype]


def test_many_channels_add_little_error() -> None:
    x, weight = normal(1, 192, 8, 8), normal(16, 192, 3, 3, seed=2)
    expected = F.conv2d(x.double(), weight.double(), padding=1)
    assert distance(convolution(x, Packed(weight=weight)), expected) < 1e-5


def test_a_row_is_the_same_alone_among_others_and_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_WORTH", 1)
    x = normal(5, 16, 11, 13)
    whole = convolution(x, PACKED)
    for rows in ([3], [4, 0], [2, 2, 1]):
        assert torch.equal(convolution(x[rows], PACKED), whole[rows])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert torch.equal(convolution(x, PACKED), whole)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_spoils_the_squares_that_see_it_and_no_others(value: float) -> None:
    x = normal(2, 16, 16, 16)
    clean = convolution(x, PACKED)
    x[1, 3, 9, 9] = value
    found = convolution(x, PACKED)
    assert torch.equal(found[0], clean[0])
    assert not found[1, :, 8:11, 8:11].isfinite().any()
    assert torch.equal(found[1, :, :4], clean[1, :, :4])
