from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor

from genwright.cuts import Cuts, log_likelihoods
from genwright.generation import Generation
from genwright.model import Model
from genwright.readings import Condition
from genwright.recipe import Component, use
from genwright.testing.toys import toy_registry

PIECES = ("", "a", "b", "c", "ab", "bc", "abc", "ca")
LENGTH = 5


def cut(text: str) -> tuple[int, ...]:
    """Return the tokens of a text, the longest piece that fits each time."""
    tokens = []
    while text:
        piece = max((p for p in PIECES if text.startswith(p)), key=len)
        tokens.append(PIECES.index(piece))
        text = text[len(piece) :]
    return tuple(tokens)


TEXTS = ["".join(letters) for size in range(1, 5) for letters in itertools.product("abc", repeat=size)]
WEIGHTS = {text: 1.0 + 7 * number % 11 for number, text in enumerate(TEXTS)}


def cuts_of(start: str) -> list[tuple[int, ...]]:
    """Return the cuts of a start, found among all texts; its own first."""
    found = {cut(start): None}
    for text in TEXTS:
        if text.startswith(start):
            tokens = cut(text)
            spelled = list(itertools.accumulate(len(PIECES[token]) for token in tokens))
            found[tokens[: 1 + next(i for i, size in enumerate(spelled) if size >= len(start))]] = None
    return list(found)


class Merged:
    """An encoder of texts of a, b and c, with merges."""

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        return cuts_of(text)

    def check_room(self, asked: Mapping[str, float | str]) -> None:
        """Have room for all."""

    def decode(self, tensors: Tensor) -> list[str]:
        return ["".join(PIECES[token] for token in row) for row in tensors.tolist()]


@dataclass(frozen=True)
class Weighted:
    """A family, and its reading, that draws texts by their weights, each as it is cut."""

    start: int = len(PIECES)
    stop: int = 0
    length: int = LENGTH

    def reading(self) -> Weighted:
        return self

    def parameters(self) -> Iterator[Tensor]:
        return iter(())

    def modules(self) -> Iterator[torch.nn.Module]:
        return iter(())

    def open(self, condition: Condition) -> Follower:
        return Follower([[] for _ in range(len(condition))])


@dataclass(frozen=True)
class Follower:
    given: list[list[int]]

    def step(self, tokens: Tensor) -> Tensor:
        for row, token in zip(self.given, tokens.tolist(), strict=True):
            row.append(token)
        return torch.tensor([LOGITS.get(tuple(row[1:]), [0.0] * len(PIECES)) for row in self.given])

    def restart(self, rows: Tensor, condition: Condition) -> None:
        for row in rows.nonzero()[:, 0].tolist():
            self.given[row].clear()


def logits() -> Mapping[tuple[int, ...], list[float]]:
    following: dict[tuple[int, ...], list[float]] = {}
    for text, weight in WEIGHTS.items():
        tokens = (*cut(text), 0)
        for end, token in enumerate(tokens):
            following.setdefault(tokens[:end], [0.0] * len(PIECES))[token] += weight
    return {
        start: [math.log(weight) if weight else -math.inf for weight in weights] for start, weights in following.items()
    }


LOGITS = logits()


def generation(toy_model: Model[str], start: str, sampler: Component, **changes: Any) -> Generation[str]:
    model = replace(toy_model, encoder=Merged(), family=Weighted())  # type: ignore[arg-type]
    fields: dict[str, Any] = {"sampler": sampler, "where": {"start": start}, "seed": 5, "rows": 64}
    return Generation(model=model, registry=toy_registry(), **(fields | changes))


@pytest.mark.parametrize("start", ["a", "ab", "b", "c"])
def test_samples_with_a_prefix_are_as_frequent_as_among_those_that_start_so(toy_model: Model[str], start: str) -> None:
    """A prefix cut on its own once left out all texts whose last piece went beyond it."""
    assert len(cuts_of(start)) > 1
    found = Counter(generation(toy_model, start, use("temperature")).items(range(3000)))
    weights = {text: weight for text, weight in WEIGHTS.items() if text.startswith(start)}
    assert set(found) <= set(weights)
    expected = [3000 * weight / sum(weights.values()) for weight in weights.values()]
    assert stats.chisquare([found[text] for text in weights], expected).pvalue > 0.001


@pytest.mark.parametrize("rows", [2, 4, 64])
def test_a_cut_is_as_likely_as_the_texts_that_start_with_it(toy_model: Model[str], rows: int) -> None:
    condition = generation(toy_model, "a", use("temperature")).model.condition({"start": "a"})
    found = log_likelihoods(Weighted(), condition, rows=rows)
    total = sum(WEIGHTS.values())
    for score, tokens in zip(found.exp().tolist(), cuts_of("a"), strict=True):
        exact = sum(weight for text, weight in WEIGHTS.items() if cut(text)[: len(tokens)] == tokens) / total
        assert score == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("sampler", [use("temperature"), use("guided", inner=use("top-k", k=3))])
def test_the_cut_of_a_sample_does_not_depend_on_its_batch(toy_model: Model[str], sampler: Component) -> None:
    made = generation(toy_model, "a", sampler)
    items = list(made.items(range(60)))
    assert len(set(items)) > 3
    assert [next(made.items([index])) for index in (59, 0, 31)] == [items[59], items[0], items[31]]
    assert list(generation(toy_model, "a", sampler, rows=16).items(range(60))) == items


@pytest.mark.parametrize("sampler", [use("greedy"), use("guided", inner=use("greedy"))])
def test_the_likeliest_cut_is_taken_by_greedy_whatever_the_seed(toy_model: Model[str], sampler: Component) -> None:
    items = {next(generation(toy_model, "a", sampler, seed=seed).items([seed])) for seed in range(20)}
    assert len(items) == 1


def test_one_cut_alone_is_not_weighed(toy_model: Model[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genwright.generation.log_likelihoods", lambda *a, **k: pytest.fail("it was weighed"))
    made = Generation(
        model=toy_model, registry=toy_registry(), sampler=use("temperature"), where={"start": "cd"}, seed=5, rows=16
    )
    assert all(item.startswith("cd") for item in made.items(range(8)))


def test_cuts_are_read_as_one_token() -> None:
    cuts = Cuts(torch.tensor([0.5, 1.0]))
    assert (cuts.start, cuts.stop, cuts.length) == (2, None, 1)
    assert cuts.open(Condition.none(3)).step(torch.tensor([2, 2, 2])).tolist() == [[0.5, 1.0]] * 3
