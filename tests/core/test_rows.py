from __future__ import annotations

import pytest
from torch import Tensor

from genwright.rows import by_rows


@pytest.mark.parametrize("count", [1, 3, 4, 5, 9])
def test_every_call_is_given_the_same_number_of_rows_and_every_place_its_result(count: int) -> None:
    given: list[int] = []

    def call(places: Tensor) -> Tensor:
        given.append(len(places))
        assert int(places.max()) < count
        return places * 10

    assert by_rows(call, count, rows=4).tolist() == [10 * place for place in range(count)]
    assert given == [4] * -(-count // 4)
