from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from genwright.errors import ConditionError, MismatchError
from genwright.readings import Condition
from genwright.samplers.guidance import Guided
from genwright.samplers.tokens import Greedy, MinP, Temperature
from genwright.seeds import Noise
from genwright_molecules.domain import MoleculesDomain
from genwright_molecules.grammar import Grammar, fewest_to_end
from genwright_molecules.molecule import flaw
from genwright_molecules.selfies_tokens import Selfies
from genwright_molecules.smiles import Smiles


class NGram:
    """A model of what follows the last tokens: small, quick, and often wrong."""

    def __init__(self, encoder: Smiles, items: Sequence[str], *, order: int) -> None:
        self.start, self.stop, self.length = encoder.space.vocab_size, 0, encoder.length
        self.order = order
        self.counts: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for row in encoder.encode(items).tolist():
            for t in range(row.index(0) + 1):
                self.counts[self.context([self.start, *row[:t]])][row[t]] += 1

    def context(self, tokens: Sequence[int]) -> tuple[int, ...]:
        return tuple(tokens[-self.order :])

    def open(self, condition: Condition) -> Follower:
        return Follower(self, len(condition))


class Follower:
    """The stream of an NGram."""

    def __init__(self, model: NGram, rows: int) -> None:
        self.model = model
        self.given: list[list[int]] = [[] for _ in range(rows)]

    def step(self, tokens: Tensor) -> Tensor:
        for given, token in zip(self.given, tokens.tolist(), strict=True):
            given.append(token)
        return torch.stack([self._logits(given) for given in self.given])

    def _logits(self, given: Sequence[int]) -> Tensor:
        weights = torch.full((self.model.start,), 1e-3)
        for token, count in self.model.counts[self.model.context(given)].items():
            weights[token] += count
        return (weights / weights.sum()).log()

    def restart(self, rows: Tensor, condition: Condition) -> None:
        for row in rows.nonzero().flatten().tolist():
            self.given[row] = []


def prefixed(encoder: Smiles, rows: int, text: str) -> Condition:
    none = Condition.none(rows)
    prefix = torch.tensor([list(encoder.prefix(text)[0])] * rows, dtype=torch.int64)
    return Condition(scalars=none.scalars, labels=none.labels, prefix=prefix)


@pytest.fixture(scope="module")
def items(nci: list[str]) -> list[str]:
    """Small molecules as RDKit spells them, with aromatic atoms."""
    spelled = [MoleculesDomain().canonical(s) or "" for s in nci]
    return [s for s in spelled if len(s) < 45 and "." not in s]


@pytest.fixture(scope="module", params=[0, 30], ids=["plain", "merged"])
def encoder(request: pytest.FixtureRequest, items: list[str]) -> Smiles:
    encoder = Smiles(merges=request.param)
    encoder.fit(items)
    return encoder


@pytest.fixture(scope="module")
def model(encoder: Smiles, items: list[str]) -> NGram:
    return NGram(encoder, items, order=6)


def test_every_sample_is_valid(encoder: Smiles, model: NGram) -> None:
    noise, nothing = Noise(7, torch.arange(30)), Condition.none(30)
    free = encoder.decode(Temperature().sample(model, noise, nothing, rows=16))
    held = encoder.decode(Grammar(encoder=encoder, inner=Temperature()).sample(model, noise, nothing, rows=16))
    assert sum(flaw(s) is not None for s in free) > 5
    assert [flaw(s) for s in held] == [None] * 30
    assert len(set(held)) > 25


def test_samples_that_are_valid_anyway_are_the_same(encoder: Smiles, model: NGram) -> None:
    noise, nothing = Noise(7, torch.arange(30)), Condition.none(30)
    free = encoder.decode(Temperature().sample(model, noise, nothing, rows=16))
    held = encoder.decode(Grammar(encoder=encoder, inner=Temperature()).sample(model, noise, nothing, rows=16))
    # partialsmiles refuses a few charges and elements that RDKit takes.
    kept = [a == b for a, b in zip(free, held, strict=True) if flaw(a) is None]
    assert sum(kept) >= 0.9 * len(kept)
    assert len(kept) > 2


def test_a_sample_does_not_depend_on_its_batch(encoder: Smiles, model: NGram) -> None:
    sampler, noise = Grammar(encoder=encoder, inner=MinP(p=0.01)), Noise(3, torch.arange(24))
    batch = sampler.sample(model, noise, Condition.none(24), rows=16)
    chosen = torch.tensor([21, 2, 17])
    assert torch.equal(sampler.sample(model, noise[chosen], Condition.none(3), rows=16), batch[chosen])
    assert torch.equal(sampler.sample(model, noise, Condition.none(24), rows=4), batch)


def test_a_prefix_is_kept(encoder: Smiles, model: NGram) -> None:
    rows = Grammar(encoder=encoder, inner=Temperature()).sample(
        model, Noise(1, torch.arange(6)), prefixed(encoder, 6, "CCC(=O)"), rows=8
    )
    smiles = encoder.decode(rows)
    assert [flaw(s) for s in smiles] == [None] * 6
    assert {s[:7] for s in smiles} == {"CCC(=O)"}


def test_no_samples_are_no_rows(encoder: Smiles, model: NGram) -> None:
    sampler = Grammar(encoder=encoder, inner=Temperature())
    empty = torch.empty(0, dtype=torch.int64)
    assert sampler.sample(model, Noise(1, empty), Condition.none(0), rows=4).shape == (0, encoder.length)


def test_a_row_without_room_is_closed_in_time(items: list[str]) -> None:
    short = [s for s in items if len(s) < 16]
    encoder = Smiles(length=16)
    encoder.fit(short)
    model = NGram(encoder, short, order=2)
    rows = Grammar(encoder=encoder, inner=Temperature(temperature=2.0)).sample(
        model, Noise(5, torch.arange(30)), Condition.none(30), rows=16
    )
    assert (rows[:, -1] == 0).all()
    assert [flaw(s) for s in encoder.decode(rows)] == [None] * 30


def test_a_prefix_that_starts_no_molecule_is_refused(encoder: Smiles, model: NGram) -> None:
    with pytest.raises(
        ConditionError, match=r"to start with 'C\)'; none can: Unmatched close .* Mend it, or use another"
    ):
        Grammar(encoder=encoder, inner=Temperature()).sample(
            model, Noise(1, torch.arange(2)), prefixed(encoder, 2, "C)"), rows=2
        )


def test_a_sample_that_finds_no_end_is_left_empty_and_the_others_are_drawn(items: list[str]) -> None:
    encoder = Smiles(length=12)
    encoder.fit(items)
    model = NGram(encoder, ["CC"], order=1)
    # Four open rings and one token left.
    impossible, possible = prefixed(encoder, 1, "c1c2c3c4cc"), prefixed(encoder, 1, "CCCCCCCCCC")
    assert possible.prefix.shape == impossible.prefix.shape
    mixed = replace(impossible.expand(3), prefix=torch.cat([impossible.prefix, possible.prefix, impossible.prefix]))
    with pytest.warns(
        RuntimeWarning,
        match=r"2 of 3 samples are empty: no attempt came to a valid molecule of up to 11 tokens; one broke off after "
        r"'c1c2c3c4cc'\. Shorten the prefix, guide less",
    ):
        rows = Grammar(encoder=encoder, inner=Temperature()).sample(model, Noise(1, torch.arange(3)), mixed, rows=2)
    first, second, third = encoder.decode(rows)
    assert (first, third) == ("", "")
    assert flaw(second) is None


def test_a_sample_without_a_choice_is_attempted_once(items: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Smiles(length=12)
    encoder.fit(items)
    ((opened, other),) = encoder.prefix("C(")
    model = NGram(encoder, [], order=1)
    model.counts[(model.start,)][opened] = model.counts[(opened,)][other] = model.counts[(other,)][other] = 1
    steps: list[Tensor] = []
    step = Follower.step
    monkeypatch.setattr(Follower, "step", lambda self, tokens: [steps.append(tokens), step(self, tokens)][1])
    with pytest.warns(RuntimeWarning, match="1 of 1 samples are empty"):
        Grammar(encoder=encoder, inner=Greedy()).sample(model, Noise(1, torch.arange(1)), Condition.none(1), rows=2)
    assert len(steps) == 3


def test_an_encoder_of_another_kind_is_refused() -> None:
    with pytest.raises(MismatchError, match=r"models with encoder 'smiles'; this model's is Selfies. Choose another"):
        Grammar(encoder=Selfies(), inner=Greedy())


def test_an_inner_sampler_of_another_kind_is_refused() -> None:
    with pytest.raises(
        MismatchError,
        match=r"takes inner=, a sampler that draws token by token.*got Guided\. "
        r"To guide it, use 'guided' with inner='grammar'",
    ):
        Grammar(encoder=Smiles(), inner=Guided(inner=Temperature()))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("CC", 0),
        ("c1cc", 1),
        ("c1c2ccc1", 1),
        ("C(", 2),
        ("C(C(C)", 2),
        ("C[N+", 1),
        ("C%10C%10C%11", 1),
        ("[13C]1", 1),
    ],
)
def test_what_is_open_is_counted(text: str, count: int) -> None:
    assert fewest_to_end(text) == count


def test_a_molecule_has_nothing_open(items: Iterable[str]) -> None:
    assert {fewest_to_end(s) for s in items} == {0}
