"""What a product with a packed weight means."""

from __future__ import annotations

import pytest
import torch

from genwright.errors import ShapeError
from genwright.kernels.linear.packed import Packed
from genwright.kernels.linear.reference import check, linear


def test_it_is_the_sum_of_products_and_the_bias() -> None:
    weight, bias = torch.tensor([[1.0, 2.0], [0.0, -1.0], [3.0, 0.5]]), torch.tensor([1.0, 2.0, 3.0])
    x = torch.tensor([[2.0, 4.0]])
    assert linear(x, Packed(weight=weight)).tolist() == [[10.0, -4.0, 8.0]]
    assert linear(x, Packed(weight=weight, bias=bias)).tolist() == [[11.0, -2.0, 11.0]]


@pytest.mark.parametrize("shape", [(3,), (2, 4), (1, 2, 3)])
def test_rows_of_another_size_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match=r"a weight \[5, 3\] needs rows \[M, 3\]; got \["):
        check(torch.zeros(shape), Packed(weight=torch.zeros(5, 3)))
