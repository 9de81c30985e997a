from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import stats
from torch import Tensor

from genwright.errors import OptionError
from genwright.readings import Condition
from genwright.samplers.unmask import Confidence, Random, UnmaskSampler
from genwright.seeds import Noise
from genwright.testing.toys import ROUNDS, Letters

ENCODER = Letters()
ENCODER.fit(ROUNDS)
KINDS: list[Callable[..., UnmaskSampler]] = [Confidence, Random]


@dataclass
class Exact:
    """A reading whose answers are the conditionals of some rows with these probabilities."""

    rows: Tensor
    probabilities: Tensor
    shape: tuple[int, ...]
    mask: int
    asked: list[Tensor] = field(default_factory=list)

    def unmask(self, x: Tensor, condition: Condition) -> Tensor:
        self.asked.append(x.clone())
        flat = x.flatten(1)
        fits = ((flat[:, None] == self.rows) | (flat[:, None] == self.mask)).all(2).double()
        counts = (fits * self.probabilities) @ F.one_hot(self.rows, self.mask).double().flatten(1)
        return (counts.log().float().unflatten(1, (-1, self.mask))).view(*x.shape, self.mask)


def rounds() -> Exact:
    """Rounds of which the earlier letters begin more."""
    rows = ENCODER.encode(ROUNDS)
    weights = 1.0 / rows[:, 0].double()
    return Exact(rows, weights / weights.sum(), (8,), ENCODER.space.vocab_size)


def image() -> Exact:
    """Images of two by three pixels: all 0, all 1, or a chessboard."""
    rows = torch.tensor([[0] * 6, [1] * 6, [0, 1, 0, 1, 0, 1]])
    return Exact(rows, torch.tensor([0.6, 0.3, 0.1], dtype=torch.float64), (2, 3), 2)


def drawn(
    sampler: UnmaskSampler, reading: Exact, samples: object, *, rows: int = 16, prefix: list[list[int]] | None = None
) -> Tensor:
    indices = torch.as_tensor(samples)
    condition = Condition.none(len(indices))
    if prefix is not None:
        condition = replace(condition, prefix=torch.tensor(prefix))
    return sampler.sample(reading, Noise(3, indices), condition, rows=rows)


@pytest.mark.parametrize("kind", KINDS)
def test_one_position_a_step_draws_the_model_s_own_distribution(kind: Callable[..., UnmaskSampler]) -> None:
    reading = rounds()
    tokens = drawn(kind(steps=8), reading, torch.arange(4_000), rows=1_000)
    found = np.bincount([ROUNDS.index(item) for item in ENCODER.decode(tokens)], minlength=32)
    assert stats.chisquare(found, 4_000 * reading.probabilities.numpy()).pvalue > 0.001


@pytest.mark.parametrize("kind", KINDS)
def test_images_keep_their_shape_and_the_model_s_probabilities(kind: Callable[..., UnmaskSampler]) -> None:
    reading = image()
    tokens = drawn(kind(steps=6), reading, torch.arange(2_000), rows=500)
    assert tokens.shape == (2_000, 2, 3)
    same = (tokens.flatten(1)[:, None] == reading.rows).all(2)
    assert bool(same.any(1).all())
    assert stats.chisquare(same.sum(0).numpy(), 2_000 * reading.probabilities.numpy()).pvalue > 0.001


def test_all_positions_in_one_step_know_nothing_of_each_other() -> None:
    tokens = drawn(Random(steps=1), image(), torch.arange(2_000), rows=500).flatten(1)
    expected = torch.tensor([0.7, 0.6, 0.7, 0.6, 0.7, 0.6])
    assert torch.allclose((tokens == 0).float().mean(0), expected, atol=0.05)
    agree = (tokens[:, 0] == tokens[:, 2]).float().mean()
    assert float(agree) == pytest.approx(0.7**2 + 0.3**2, abs=0.05)


@pytest.mark.parametrize(("steps", "hidden"), [(1, [8]), (3, [8, 5, 2]), (8, [8, 7, 6, 5, 4, 3, 2, 1]), (99, None)])
def test_positions_are_spread_over_the_steps(steps: int, hidden: list[int] | None) -> None:
    reading = rounds()
    drawn(Random(steps=steps), reading, range(4), rows=4)
    found = [int((x == reading.mask).sum(1)[0]) for x in reading.asked]
    assert found == (hidden or [8, 7, 6, 5, 4, 3, 2, 1])


def test_the_surest_position_comes_first() -> None:
    """Of a chessboard or plain 0, every other pixel is certain."""
    reading = Exact(torch.tensor([[0] * 6, [0, 1, 0, 1, 0, 1]]), torch.tensor([0.5, 0.5]).double(), (6,), 2)
    drawn(Confidence(steps=6), reading, range(4), rows=4)
    assert (reading.asked[3] == reading.mask).int().tolist() == [[0, 1, 0, 1, 0, 1]] * 4


def test_a_random_order_differs_between_samples_and_stays_within_one() -> None:
    reading = rounds()
    drawn(Random(steps=8), reading, range(32), rows=32)
    hidden = torch.stack([x == reading.mask for x in reading.asked])
    assert bool((hidden[1:] <= hidden[:-1]).all())
    assert len({tuple(row) for row in hidden[4].int().tolist()}) > 16


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [2, 7, 100])
def test_a_sample_does_not_depend_on_the_rows_or_its_batch(kind: Callable[..., UnmaskSampler], rows: int) -> None:
    whole = drawn(kind(steps=4), rounds(), range(40))
    assert torch.equal(drawn(kind(steps=4), rounds(), range(40), rows=rows), whole)
    assert torch.equal(drawn(kind(steps=4), rounds(), [39, 3], rows=rows), whole[[39, 3]])


@pytest.mark.parametrize("count", [1, 3, 40])
def test_the_network_is_given_exactly_the_rows_asked_for(count: int) -> None:
    reading = rounds()
    drawn(Confidence(steps=2), reading, range(count), rows=16)
    assert {len(x) for x in reading.asked} == {16}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_begin_with_their_prefix(kind: Callable[..., UnmaskSampler]) -> None:
    tokens = drawn(kind(steps=8), rounds(), range(4), prefix=[[1, 2, 3], [4, -1, -1], [-1] * 3, [2, 3, -1]])
    items = ENCODER.decode(tokens)
    assert all(item in ROUNDS for item in items)
    assert items[0].startswith("abc")
    assert items[1].startswith("d")
    assert items[3].startswith("bc")
    assert items[2] == ENCODER.decode(drawn(kind(steps=8), rounds(), [2]))[0]


def test_a_low_temperature_takes_the_likeliest_token() -> None:
    tokens = drawn(Random(steps=6, temperature=0.01), image(), range(50)).flatten(1)
    assert not tokens.any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Random(steps=0), r"unmasking takes 1 step or more; got 0\. Try steps=64"),
        (lambda: Confidence(temperature=0.0), r"temperature is 0\.001 or more; got 0\.0\. For nearly the likeliest"),
        (lambda: Random(temperature=1e-39), r"temperature is 0\.001 or more; got 1e-39\. For nearly"),
    ],
)
def test_options_out_of_range_are_refused(make: Callable[[], UnmaskSampler], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
