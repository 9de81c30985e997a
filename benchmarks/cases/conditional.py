"""How near molecules come to the properties that are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import final

import numpy as np

from benchmarks.row import Row, Target, at_most
from benchmarks.setting import Setting
from genwright import generate, library, use
from genwright.model import Model
from genwright.recipe import Component
from genwright.registry import registry
from genwright_molecules.properties import measure

__all__ = ["TESTS", "rows"]

TESTS = (
    "tests/core/samplers",
    "tests/core/families",
    "tests/core/backbones",
    "tests/plugins/molecules/test_properties.py",
)

_SECTION = "conditional"
_GRID = {
    "logP": tuple(round(0.5 * step, 2) for step in range(10)),
    "QED": tuple(round(0.6 + 0.05 * step, 2) for step in range(8)),
}
_TARGETS = {"logP": at_most(0.30), "QED": at_most(0.06)}
_JOINT = {"logP": (1.0, 2.0, 3.0), "QED": (0.7, 0.8, 0.9)}
_SAMPLERS = {
    "plain": use("temperature"),
    "guided, scale 2": use("guided", scale=2.0),
    "guided, scale 3": use("guided", scale=3.0),
}
Wish = Mapping[str, float]


@final
@dataclass(frozen=True, kw_only=True)
class _Answer:
    """How far, on the mean, the valid molecules are from a wish, by property, and the share that is valid."""

    wish: Wish
    errors: Mapping[str, float]
    valid: float


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the mean absolute error over a grid of targets, each asked for alone, then of both together."""
    model = Model.load(library.find(setting.model, registry()), registry())
    both = [dict(zip(_JOINT, values, strict=True)) for values in product(*_JOINT.values())]
    for how, sampler in _SAMPLERS.items():
        for name, values in _GRID.items():
            alone = [_answer(model, {name: value}, sampler, setting) for value in values]
            yield from _compared(f"{name}, asked for alone, {how}", [name], alone, _TARGETS)
        together = [_answer(model, wish, sampler, setting) for wish in both]
        yield from _compared(f"{' and '.join(_JOINT)} together, {how}", list(_JOINT), together, {})


def _compared(
    title: str, names: Sequence[str], answers: Sequence[_Answer], targets: Mapping[str, Target]
) -> Iterator[Row]:
    for name in names:
        errors = [answer.errors[name] for answer in answers]
        yield Row(
            section=_SECTION,
            name=f"{title}: mean absolute error of {name}",
            value=float(np.mean(errors)),
            spread=(min(errors), max(errors)),
            target=targets.get(name),
            note=f"Of {len(answers)} targets; spread over these: {_listed(name, answers)}." if name in targets else "",
        )
    yield Row(section=_SECTION, name=f"{title}: valid", value=float(np.mean([answer.valid for answer in answers])))


def _answer(model: Model[str], wish: Wish, sampler: Component, setting: Setting) -> _Answer:
    count = setting.scaled(256, 64)
    samples = generate(model, count, seed=setting.seed, where=dict(wish), sampler=sampler, store=False)
    found = measure([sample.item for sample in samples if sample.is_valid], list(wish))
    errors = np.abs(found - np.array(list(wish.values()))).mean(axis=0)
    return _Answer(wish=wish, errors=dict(zip(wish, errors.tolist(), strict=True)), valid=len(found) / count)


def _listed(name: str, answers: Sequence[_Answer]) -> str:
    return ", ".join(f"{answer.wish[name]:g}: {answer.errors[name]:.3f}" for answer in answers)
