from __future__ import annotations

import torch
from torch import Tensor

from genwright.readings import Condition


def three() -> Condition:
    return Condition(
        scalars=torch.tensor([[1.0], [2.0], [3.0]]),
        labels=torch.tensor([[0, -1], [1, 1], [2, 0]]),
        prefix=torch.tensor([[5, 6], [7, -1], [-1, -1]]),
        contours=torch.tensor([[[1.0, 2.0]], [[3.0, torch.inf]], [[4.0, 5.0]]]),
    )


def contours(condition: Condition) -> Tensor:
    assert condition.contours is not None
    return condition.contours


def test_nothing_is_asked_for_by_nan_minus_one_and_no_prefix() -> None:
    nothing = Condition.none(3, scalars=2, labels=1)
    assert len(nothing) == 3
    assert nothing.scalars.isnan().all()
    assert torch.equal(nothing.labels, torch.full((3, 1), -1))
    assert nothing.prefix.shape == (3, 0)
    assert nothing.contours is nothing[:2].contours is nothing.to("cpu").contours is None


def test_some_rows_of_a_condition_are_a_condition() -> None:
    for rows in (torch.tensor([2, 0]), torch.tensor([True, False, True]), slice(1, 3)):
        some = three()[rows]
        assert torch.equal(some.scalars, three().scalars[rows])
        assert torch.equal(some.labels, three().labels[rows])
        assert torch.equal(some.prefix, three().prefix[rows])
        assert torch.equal(contours(some), contours(three())[rows])


def test_a_condition_of_one_row_serves_many() -> None:
    many = three()[1:2].expand(4)
    assert len(many) == 4
    assert many.scalars.tolist() == [[2.0]] * 4
    assert many.prefix.tolist() == [[7, -1]] * 4
    assert contours(many).tolist() == [[[3.0, torch.inf]]] * 4


def test_a_condition_moves_to_a_device() -> None:
    assert torch.equal(three().to("cpu").labels, three().labels)
    assert torch.equal(contours(three().to("cpu")), contours(three()))
