from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from genwright.errors import OptionError
from genwright.readings import Condition
from genwright.samplers.tokens import Greedy, MinP, Temperature, TokenSampler, TopK, TopP
from genwright.seeds import Noise

INF = math.inf
PROBABILITIES = torch.tensor([0.40, 0.25, 0.15, 0.10, 0.06, 0.04], dtype=torch.float64)


@dataclass
class Chain:
    """A reading whose logits are a row of a table, that of the last token; the last row is of the start."""

    table: Tensor
    stop: int | None = None
    length: int = 1
    opened: list[int] = field(default_factory=list)

    @property
    def start(self) -> int:
        return len(self.table) - 1

    def open(self, condition: Condition) -> ChainStream:
        self.opened.append(len(condition))
        return ChainStream(self.table)


@dataclass
class ChainStream:
    table: Tensor

    def step(self, tokens: Tensor) -> Tensor:
        return self.table[tokens]

    def restart(self, rows: Tensor, condition: Condition) -> None:
        pass


def one_token() -> Chain:
    """A reading of one token with known probabilities."""
    return Chain(PROBABILITIES.log().float().expand(7, 6))


def chain(length: int = 8, *, stop: int | None = 0, tokens: int = 5) -> Chain:
    table = torch.randn(tokens + 1, tokens, generator=torch.Generator().manual_seed(4))
    if stop is not None:
        table[:, stop] += 0.5
    return Chain(table, stop=stop, length=length)


def drawn(
    sampler: TokenSampler,
    reading: Chain,
    samples: Sequence[int] | Tensor,
    *,
    seed: int = 3,
    rows: int = 16,
    prefix: Sequence[Sequence[int]] | None = None,
) -> Tensor:
    indices = torch.as_tensor(samples)
    condition = Condition.none(len(indices))
    if prefix is not None:
        condition = replace(condition, prefix=torch.tensor(prefix))
    return sampler.sample(reading, Noise(seed, indices), condition, rows=rows)


def reshaped(probabilities: Tensor, temperature: float) -> Tensor:
    sharpened = probabilities ** (1 / temperature)
    return sharpened / sharpened.sum()


# ---- what each rule draws


RULES: list[tuple[TokenSampler, list[int], float]] = [
    (Temperature(), [0, 1, 2, 3, 4, 5], 1.0),
    (Temperature(temperature=0.5), [0, 1, 2, 3, 4, 5], 0.5),
    (Temperature(temperature=2.0), [0, 1, 2, 3, 4, 5], 2.0),
    (TopK(k=3), [0, 1, 2], 1.0),
    (TopK(k=2, temperature=2.0), [0, 1], 2.0),
    (TopP(p=0.7), [0, 1, 2], 1.0),
    (TopP(p=0.7, temperature=0.5), [0, 1], 0.5),
    (MinP(p=0.2), [0, 1, 2, 3], 1.0),
    (MinP(p=0.2, temperature=2.0), [0, 1, 2, 3], 2.0),
    (Greedy(), [0], 1.0),
]


@pytest.mark.parametrize(("sampler", "kept", "temperature"), RULES)
def test_tokens_are_as_frequent_as_the_rule_says(sampler: TokenSampler, kept: list[int], temperature: float) -> None:
    tokens = drawn(sampler, one_token(), torch.arange(20_000), rows=2_000)
    found = np.bincount(tokens[:, 0].numpy(), minlength=6)
    left_out = [token for token in range(6) if token not in kept]
    assert not found[left_out].any()
    expected = reshaped(PROBABILITIES, temperature)[kept]
    assert len(kept) == 1 or stats.chisquare(found[kept], 20_000 * (expected / expected.sum()).numpy()).pvalue > 0.001


def kept_by(sampler: TokenSampler, logits: Sequence[float]) -> list[int]:
    (row,) = sampler.reshape(torch.tensor([logits]))
    return torch.nonzero(~row.isneginf())[:, 0].tolist()


@pytest.mark.parametrize(
    ("sampler", "logits", "kept"),
    [
        (TopK(k=2), [0.0, 3.0, 1.0, 2.0], [1, 3]),
        (TopK(k=2), [1.0, 3.0, 1.0, 0.0], [0, 1, 2]),
        (TopK(k=1), [0.0, 3.0, 1.0, 2.0], [1]),
        (TopK(k=9), [0.0, 3.0, 1.0, 2.0], [0, 1, 2, 3]),
        (TopK(k=3), [0.0, -INF, 1.0, -INF], [0, 2]),
        (TopP(p=0.5), [math.log(4), math.log(4), math.log(2), 0.0], [0, 1]),
        (TopP(p=0.74), [math.log(8), math.log(4), math.log(2), 0.0], [0, 1]),
        (TopP(p=1e-6), [0.0, 3.0, 1.0, 2.0], [1]),
        (TopP(p=1.0), [0.0, -40.0, -90.0, -INF], [0, 1, 2]),
        (TopP(p=0.9), [0.0, -INF, 0.0, -INF], [0, 2]),
        (MinP(p=0.5), [0.0, -0.69, -0.70, 0.0], [0, 1, 3]),
        (MinP(p=1.0), [2.0, 1.9, 2.0, 0.0], [0, 2]),
        (MinP(p=1e-9), [0.0, -20.0, -21.0, -INF], [0, 1]),
        (Greedy(), [1.0, 5.0, 5.0, 0.0], [1]),
        (Temperature(temperature=9.0), [1.0, -INF, 5.0, 0.0], [0, 2, 3]),
    ],
)
def test_a_rule_keeps_exactly_its_set(sampler: TokenSampler, logits: list[float], kept: list[int]) -> None:
    assert kept_by(sampler, logits) == kept


def test_all_of_the_probability_is_all_of_the_tokens_however_it_is_rounded() -> None:
    logits = torch.randn(64, 500, generator=torch.Generator().manual_seed(1)) * 4
    assert torch.equal(TopP(p=1.0).reshape(logits), logits)


def test_min_p_judges_before_the_temperature_changes_anything() -> None:
    logits = PROBABILITIES.log().tolist()
    assert kept_by(MinP(p=0.2, temperature=0.1), logits) == kept_by(MinP(p=0.2, temperature=10.0), logits)


def test_what_a_rule_does_to_a_row_does_not_depend_on_the_others() -> None:
    logits = torch.randn(40, 30, generator=torch.Generator().manual_seed(1))
    for sampler, _, _ in RULES:
        whole = sampler.reshape(logits)
        assert all(torch.equal(sampler.reshape(logits[row : row + 1])[0], whole[row]) for row in range(40))


def test_a_chain_is_drawn_with_its_probabilities() -> None:
    """Whole rows, drawn through refilled places, are as frequent as the product of their tokens' probabilities."""
    reading = chain(length=3, tokens=3)
    rows = drawn(Temperature(), reading, torch.arange(20_000), rows=500).tolist()
    logs = reading.table.double().log_softmax(-1)
    expected = {}
    for a in range(3):
        for b in range(3) if a else [0]:
            for c in range(3) if b else [0]:
                row, before, total = (a, b, c), 3, 0.0
                for token in row:
                    total += float(logs[before, token])
                    before = token
                    if token == 0:
                        break
                expected[row] = math.exp(total)
    assert sum(expected.values()) == pytest.approx(1)
    found = dict.fromkeys(expected, 0)
    for row in rows:
        found[tuple(row)] += 1
    assert stats.chisquare(list(found.values()), [20_000 * p for p in expected.values()]).pvalue > 0.001


# ---- seeds


def test_greedy_does_not_depend_on_the_seed() -> None:
    first = drawn(Greedy(), chain(), range(5), seed=0)
    assert torch.equal(drawn(Greedy(), chain(), range(5), seed=99), first)
    assert torch.equal(first, first[:1].expand(5, -1))


def test_other_seeds_draw_otherwise() -> None:
    assert not torch.equal(drawn(Temperature(), chain(), range(50), seed=0), drawn(Temperature(), chain(), range(50)))


def test_moving_one_tokens_logit_moves_the_noise_of_no_other() -> None:
    """Forbidding a token leaves every sample that did not draw it as it was."""
    free = drawn(Temperature(), one_token(), range(500))[:, 0]
    banned = one_token()
    banned.table = banned.table.clone()
    banned.table[:, 2] = -INF
    bound = drawn(Temperature(), banned, range(500))[:, 0]
    assert torch.equal(bound[free != 2], free[free != 2])
    assert (free == 2).any()
    assert not (bound == 2).any()


# ---- one sample whatever the others


@pytest.fixture
def whole() -> Tensor:
    return drawn(Temperature(), chain(), range(100))


@pytest.mark.parametrize("rows", [1, 2, 7, 16, 100, 300])
def test_samples_do_not_depend_on_the_rows(whole: Tensor, rows: int) -> None:
    assert torch.equal(drawn(Temperature(), chain(), range(100), rows=rows), whole)


def test_a_sample_is_the_same_alone_in_any_batch_and_in_any_order(whole: Tensor) -> None:
    for index in (0, 1, 17, 99):
        assert torch.equal(drawn(Temperature(), chain(), [index])[0], whole[index])
    order = torch.randperm(100, generator=torch.Generator().manual_seed(0))
    assert torch.equal(drawn(Temperature(), chain(), order), whole[order])
    assert torch.equal(drawn(Temperature(), chain(), range(40, 90), rows=8), whole[40:90])


@pytest.mark.parametrize("count", [1, 3, 100])
def test_the_network_is_given_exactly_the_rows_asked_for(count: int) -> None:
    reading = chain()
    drawn(Temperature(), reading, range(count), rows=16)
    assert reading.opened == [16]


def test_a_row_is_filled_with_the_stop_after_its_end(whole: Tensor) -> None:
    assert whole.shape == (100, 8)
    lengths = set()
    for row in whole.tolist():
        end = row.index(0) if 0 in row else 8
        lengths.add(end)
        assert row[end:] == [0] * (8 - end)
    assert len(lengths) > 4


def test_a_row_that_never_stops_has_the_full_length() -> None:
    reading = chain(length=5, stop=None)
    assert drawn(Temperature(), reading, range(30)).shape == (30, 5)
    assert (drawn(Temperature(), reading, range(30)) == 0).any()


@pytest.mark.parametrize("rows", [1, 2, 16])
def test_rows_begin_with_their_prefix(rows: int) -> None:
    prefix = [[3, 4, -1], [1, -1, -1], [-1, -1, -1], [2, 2, 1]]
    found = drawn(Temperature(), chain(), range(4), prefix=prefix, rows=rows).tolist()
    assert [row[: sum(token >= 0 for token in given)] for row, given in zip(found, prefix, strict=True)] == [
        [token for token in given if token >= 0] for given in prefix
    ]
    assert found[2] == drawn(Temperature(), chain(), range(4)).tolist()[2]


def test_a_prefix_of_full_length_is_all_of_the_row() -> None:
    prefix = [[3, 4, 1, 2, 3, 4, 1, 2]] * 3
    assert drawn(Temperature(), chain(), range(3), prefix=prefix).tolist() == prefix


# ---- one row alone


@pytest.mark.parametrize("size", [1, 3, 64, 100, 500])
@pytest.mark.parametrize("stop", [0, None])
def test_the_blocks_of_a_sample_are_its_tokens(size: int, stop: int | None) -> None:
    """The rows are longer than noise is made ahead for, and their prefix too."""
    reading = chain(200, stop=stop)
    if stop is not None:
        reading.table[:, 0] -= 4.5
    given = [2, *[1, 3] * 40]
    whole = drawn(TopP(p=0.99), reading, range(6), prefix=[given] * 6)
    assert len({tuple(row) for row in whole.tolist()}) == 6
    for row in range(6):
        condition = replace(Condition.none(1), prefix=torch.tensor([given]))
        blocks = list(TopP(p=0.99).blocks(reading, Noise(3, torch.tensor([row])), condition, size=size))
        assert all(len(block) == size for block in blocks[:-1])
        tokens = torch.cat(blocks)
        assert torch.equal(tokens, whole[row, : len(tokens)])
        assert len(tokens) == 200 or (tokens[-1] == 0 and not (tokens[:-1] == 0).any())


# ---- what draws


class Doubtful(TokenSampler):
    """A rule that no operation knows: never the likeliest."""

    def reshape(self, logits: Tensor) -> Tensor:
        return logits.scatter(-1, logits.argmax(-1, keepdim=True), -INF)


@pytest.mark.parametrize("rows", [1, 16])
@pytest.mark.parametrize("sampler", [*[sampler for sampler, _, _ in RULES], Doubtful()])
def test_tokens_are_where_what_a_rule_leaves_and_the_noise_are_largest(sampler: TokenSampler, rows: int) -> None:
    reading, noise = chain(length=6, stop=None), Noise(3, torch.arange(20))
    found = drawn(sampler, reading, range(20), rows=rows)
    given = torch.cat((torch.full((20, 1), reading.start), found[:, :-1]), 1)
    for step in range(6):
        scores = sampler.reshape(reading.table[given[:, step]]) + noise.gumbel("token", step, 5)
        assert torch.equal(found[:, step], scores.argmax(-1))


# ---- errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Temperature(temperature=0.0), "temperature is 0.001 or more; got 0.0.*use the sampler 'greedy'"),
        (lambda: Temperature(temperature=1e-40), "temperature is 0.001 or more; got 1e-40.*use the sampler 'greedy'"),
        (lambda: Temperature(temperature=-1.0), "temperature is 0.001 or more; got -1.0"),
        (lambda: Temperature(temperature=INF), "temperature is 0.001 or more; got inf"),
        (lambda: Temperature(temperature=math.nan), "temperature is 0.001 or more; got nan"),
        (lambda: TopK(k=0), "top-k takes k of 1 or more; got 0"),
        (lambda: TopK(temperature=0.0), "temperature is 0.001 or more"),
        (lambda: TopP(p=0.0), "p is above 0 and at most 1; got 0.0"),
        (lambda: TopP(p=1.5), "p is above 0 and at most 1; got 1.5"),
        (lambda: TopP(p=math.nan), "p is above 0 and at most 1; got nan"),
        (lambda: MinP(p=-0.1), "p is above 0 and at most 1; got -0.1"),
    ],
)
def test_options_out_of_range_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        make()
