from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import UsageError
from genwright.kernels import use
from genwright.kernels.policy import POLICY
from genwright.rows import TILE, by_rows, each_row


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_every_call_is_given_the_same_number_of_rows_and_every_place_its_result(count: int) -> None:
    given: list[int] = []

    def call(places: Tensor) -> Tensor:
        given.append(len(places))
        assert int(places.max()) < count
        return places * 10

    assert by_rows(call, count, rows=4).tolist() == [10 * place for place in range(count)]
    assert given == [4] * -(-count // 4)


@pytest.mark.parametrize("rows", [1, 4, TILE, 2 * TILE])
def test_where_kernels_are_to_be_invariant_there_are_always_sixteen_rows(rows: int) -> None:
    """So that no operation has to be invariant by itself."""
    seen: list[tuple[int, bool]] = []

    def call(places: Tensor) -> Tensor:
        seen.append((len(places), POLICY.get().tiled))
        return places

    with use(invariant=True):
        assert by_rows(call, 17, rows=rows).tolist() == list(range(17))
        assert not POLICY.get().tiled
    assert seen == [(TILE, True)] * 2


def test_for_no_row_nothing_is_called() -> None:
    """It was once called for a first row that was not there, which failed with an IndexError."""
    with pytest.raises(UsageError, match=r"^networks are called for one row or more; got 0\. Without any, leave the"):
        by_rows(lambda places: pytest.fail("it was called"), 0, rows=4)


@pytest.mark.parametrize("shape", [(), (5,), (2, 3, 4)])
def test_a_value_a_row_meets_all_that_is_in_it(shape: tuple[int, ...]) -> None:
    found = each_row(torch.tensor([2.0, 3.0]), torch.ones(2, *shape)) * torch.ones(2, *shape)
    assert torch.equal(found, torch.stack([torch.full(shape, 2.0), torch.full(shape, 3.0)]))
