"""One row of tokens as one of sixteen."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.readings import Condition, NextToken, Steady, Stream
from genwright.rows import TILE
from genwright.tiled import Tiled


class Counting:
    """Rows that count what they were given, from what is asked of each."""

    is_steady = True

    def __init__(self, condition: Condition) -> None:
        self.sums, self.widths = condition.scalars[:, 0].clone(), [len(condition)]

    def step(self, tokens: Tensor) -> Tensor:
        self.widths.append(len(tokens))
        self.sums = self.sums + tokens
        return torch.stack((self.sums, -self.sums), 1)

    def restart(self, rows: Tensor, condition: Condition) -> None:
        self.widths.append(len(condition))
        self.sums = torch.where(rows, condition.scalars[:, 0], self.sums)


class Reading:
    start, stop, length = 5, 0, 9

    def __init__(self) -> None:
        self.opened: list[Counting] = []

    def open(self, condition: Condition) -> Stream:
        self.opened.append(Counting(condition))
        return self.opened[-1]


def asked(*scalars: float) -> Condition:
    given = Condition.none(len(scalars), scalars=1)
    given.scalars[:, 0] = torch.tensor(scalars)
    return given


@pytest.mark.parametrize("count", [1, 3, TILE, TILE + 1])
def test_the_network_is_given_whole_tiles_and_each_row_what_is_its_own(count: int) -> None:
    reading = Reading()
    tiled = Tiled(reading)
    stream = tiled.open(asked(*range(count)))
    tokens = torch.arange(count) * 10
    assert torch.equal(stream.step(tokens)[:, 0], torch.arange(count) * 11.0)
    restarted = torch.arange(count) == count - 1
    stream.restart(restarted, asked(*[100.0] * count))
    expected = torch.where(restarted, 100.0, torch.arange(count) * 11.0) + 1
    assert torch.equal(stream.step(torch.ones(count, dtype=torch.int64))[:, 0], expected)
    assert set(reading.opened[0].widths) == {-(-count // TILE) * TILE}


def test_it_is_read_as_what_is_inside() -> None:
    tiled = Tiled(Reading())
    assert isinstance(tiled, NextToken)
    assert (tiled.start, tiled.stop, tiled.length) == (5, 0, 9)


def test_it_is_steady_if_what_is_inside_is(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Tiled(Reading()).open(asked(1.0))
    assert isinstance(stream, Steady)
    assert stream.is_steady
    monkeypatch.setattr(Counting, "is_steady", False)
    assert not stream.is_steady
