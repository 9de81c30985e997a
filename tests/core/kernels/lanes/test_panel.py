"""Sums for eight times sixteen results against sums that are taken one by one."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("numba", reason="its loops need numba")
from genwright.kernels import lanes
from genwright.kernels.lanes import EIGHT, FLOAT, WIDTH
from tests.core.kernels.lanes.memory import written


@lanes.compiled
def products(x: int, y: int, across: int, along: int, count: int, apart: int, out: int) -> None:
    x, y, out = lanes.numbers(FLOAT, x), lanes.numbers(FLOAT, y), lanes.numbers(FLOAT, out)
    sums = lanes.add_products(lanes.zeros(), x, WIDTH, y, 3, across, along, 1)
    sums = lanes.add_products(sums, x, 2 * WIDTH, y, 3 + along, across, along, count - 1)
    lanes.store_eight(out, 0, apart, sums)


@pytest.mark.parametrize(("across", "along"), [(1, EIGHT), (5, 1)])
def test_products_are_added_one_after_another(across: int, along: int) -> None:
    noise, count = torch.Generator().manual_seed(1), 5
    x, y = torch.randn(count + 1, WIDTH, generator=noise), torch.randn(50, generator=noise)
    given = x.data_ptr(), y.data_ptr(), across, along, count, WIDTH
    found = written(products, *given, count=EIGHT * WIDTH).view(EIGHT, WIDTH)
    expected = torch.zeros(EIGHT, WIDTH)
    for i in range(count):
        some = y[3 + i * along :][: EIGHT * across : across][:EIGHT, None]
        expected = (x[i + 1].double() * some.double() + expected.double()).float()
    assert torch.equal(found, expected)


def test_sums_are_written_apart() -> None:
    x, y = torch.ones(2, WIDTH), torch.arange(20.0)
    found = written(products, x.data_ptr(), y.data_ptr(), 1, 1, 1, 2 * WIDTH, count=15 * WIDTH).view(15, WIDTH)
    assert torch.equal(found[::2], (3 + torch.arange(8.0))[:, None].expand(8, WIDTH))
    assert found[1::2].isnan().all()
