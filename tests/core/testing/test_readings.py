from __future__ import annotations

import torch

from genwright.readings import Condition, Decoder, NextToken, Unmasker
from genwright.testing.readings import Counted, Finite, Following, Linear

ROWS = Finite(rows=torch.tensor([[0, 0], [0, 1], [1, 1]]), probabilities=torch.tensor([0.5, 0.3, 0.2]), vocab_size=2)


def test_what_is_hidden_is_as_likely_as_the_rows_that_fit() -> None:
    found = ROWS.unmask(torch.tensor([[2, 2], [2, 1], [0, 2]]), Condition.none(3)).exp()
    expected = torch.tensor([[[0.8, 0.2], [0.5, 0.5]], [[0.6, 0.4], [0.0, 1.0]], [[1.0, 0.0], [0.625, 0.375]]])
    assert torch.allclose(found, expected)


def test_a_stream_gives_what_follows_and_begins_anew() -> None:
    stream = Following(rows=ROWS).open(Condition.none(2))
    start = torch.tensor([2, 2])
    assert torch.allclose(stream.step(start).exp(), torch.tensor([[0.8, 0.2], [0.8, 0.2]]))
    assert torch.allclose(stream.step(torch.tensor([0, 1])).exp(), torch.tensor([[0.625, 0.375], [0.0, 1.0]]))
    stream.restart(torch.tensor([True, False]), Condition.none(2))
    assert torch.allclose(stream.step(start).exp()[0], torch.tensor([0.8, 0.2]))


def test_each_is_the_reading_that_it_says() -> None:
    assert isinstance(ROWS, Unmasker)
    assert isinstance(Following(rows=ROWS), NextToken)
    assert isinstance(Linear(matrix=torch.ones(2, 3)), Decoder)


def test_calls_are_counted_by_their_rows() -> None:
    counted = Counted(Linear(matrix=torch.ones(2, 3)))
    assert counted.decode(torch.ones(5, 2), Condition.none(5)).shape == (5, 3)
    assert (counted.calls, counted.latent) == ([5], (2,))
