from __future__ import annotations

from dataclasses import replace

import torch

from genwright.readings import Condition, Decoder, NextToken, Unmasker
from genwright.testing.readings import Counted, Finite, Following, Linear, agreement

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


KINDS = Finite(rows=ROWS.rows, probabilities=ROWS.probabilities, vocab_size=2, kinds=torch.tensor([0, 0, 1]))


def test_what_is_asked_for_is_nearly_certain_and_what_is_not_remains_as_it_is() -> None:
    found = KINDS.unmask(torch.full((3, 2), 2), asked_kinds(-1, 0, 1)).exp()
    expected = torch.tensor([[[0.8, 0.2], [0.5, 0.5]], [[1.0, 0.0], [0.625, 0.375]], [[0.0, 1.0], [0.0, 1.0]]])
    assert torch.allclose(found, expected, atol=1e-5)


def test_of_tokens_that_what_is_asked_for_cannot_have_something_follows_all_the_same() -> None:
    found = KINDS.unmask(torch.tensor([[0, 2]]), asked_kinds(1)).exp()
    assert torch.allclose(found, torch.tensor([[[1.0, 0.0], [0.625, 0.375]]]))


def test_a_row_begun_anew_asks_for_what_it_is_given_then() -> None:
    stream, start = Following(rows=KINDS).open(asked_kinds(0, 0)), torch.tensor([2, 2])
    assert torch.allclose(stream.step(start).exp(), torch.tensor([[1.0, 0.0], [1.0, 0.0]]), atol=1e-5)
    stream.restart(torch.tensor([True, False]), asked_kinds(1, 1))
    assert torch.allclose(stream.step(start).exp()[0], torch.tensor([0.0, 1.0]), atol=1e-5)


def test_a_linear_map_moves_its_samples_to_where_they_are_asked_for() -> None:
    decoder = Linear(matrix=torch.ones(1, 2), shifts=torch.tensor([[5.0, 0.0], [0.0, 7.0]]))
    assert decoder.decode(torch.ones(3, 1), asked_kinds(-1, 0, 1)).tolist() == [[1, 1], [6, 1], [1, 8]]
    assert decoder.decode(torch.ones(1, 1), Condition.none(1)).tolist() == [[1, 1]]


def test_all_agree_with_a_row_that_asks_for_nothing() -> None:
    kinds = torch.tensor([0, 1])
    found = agreement(kinds, asked_kinds(-1, 1))
    assert torch.allclose(found, torch.tensor([[1, 1], [1e-6, 1]]).double())
    assert agreement(kinds, Condition.none(2)).tolist() == [[1, 1], [1, 1]]


def asked_kinds(*labels: int) -> Condition:
    return replace(Condition.none(len(labels)), labels=torch.tensor(labels)[:, None])
