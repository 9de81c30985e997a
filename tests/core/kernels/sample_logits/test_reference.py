"""Drawing tokens by PyTorch."""

from __future__ import annotations

import math

import pytest
import torch

from genwright.errors import ShapeError
from genwright.kernels.sample_logits.reference import reshaped, sample_logits
from genwright.kernels.sample_logits.rule import Rule
from genwright.seeds import Noise

INF, NAN = math.inf, math.nan
NOISE = Noise(3, torch.arange(4))


def logits(*rows: list[float]) -> torch.Tensor:
    return torch.tensor(rows)


def test_a_token_is_where_logits_and_noise_together_are_largest() -> None:
    given, steps = NOISE.normal("example", 0, 30), torch.tensor([0, 7, 2, 9])
    expected = (given / 0.7 + NOISE.gumbel("token", steps, 30)).argmax(-1)
    found = sample_logits(given, Rule(temperature=0.7), noise=NOISE, step=steps)
    assert torch.equal(found, expected)
    made = NOISE.gumbel("token", steps, 30)
    assert torch.equal(sample_logits(given, Rule(temperature=0.7), noise=made), expected)
    assert len(set(sample_logits(given[:1].expand(4, -1), Rule(), noise=NOISE).tolist())) > 1


def test_without_noise_it_is_the_first_of_the_likeliest() -> None:
    assert sample_logits(logits([0.0, 2.0, 2.0]), Rule(k=2)).tolist() == [1]
    assert sample_logits(logits([0.0, 2.0, 1.0]).half(), Rule()).tolist() == [1]


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        (Rule(k=3, p=0.5), [0, 1]),
        (Rule(least=0.5, k=3), [0, 1]),
        (Rule(k=2, p=1.0), [0, 1]),
        (Rule(p=0.65), [0, 1]),
        (Rule(k=3, p=0.65), [0, 1]),
        (Rule(k=2, p=0.5), [0]),
    ],
)
def test_each_part_of_a_rule_sees_what_those_before_it_left(rule: Rule, kept: list[int]) -> None:
    """Of the two likeliest alone, the first has a probability of 0.5 or more; of the five it has not."""
    found = reshaped(torch.tensor([[0.42, 0.3, 0.2, 0.05, 0.03]]).log(), rule)
    assert torch.nonzero(~found[0].isneginf())[:, 0].tolist() == kept


@pytest.mark.parametrize("rule", [Rule(), Rule(k=2), Rule(p=0.5), Rule(least=0.5)], ids=["all", "k", "p", "least"])
def test_rows_that_no_rule_can_judge_have_a_token_all_the_same(rule: Rule) -> None:
    rows = logits([-INF] * 3, [0.0, INF, INF], [0.0, NAN, INF])
    spoilt = 0 if rule.least else 1
    assert sample_logits(rows, rule, noise=NOISE[:3]).tolist() == [0, 1, spoilt]


def test_noise_of_other_rows_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"a row for each of 3 rows of logits; got 4\. Take those of these"):
        sample_logits(torch.zeros(3, 5), Rule(), noise=NOISE)
