"""What the images of each model that ships are worth, and what they cost in calls of its network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

from PIL import Image

from benchmarks import shipped
from benchmarks.row import Row, Target, at_least, at_most
from benchmarks.setting import Setting
from genwright import generate, use
from genwright.errors import MismatchError
from genwright.generation import make_sampler, suited
from genwright.likelihoods import likelihoods
from genwright.metrics import Value
from genwright.model import Model
from genwright.recipe import Component
from genwright.registry import registry
from genwright.seeds import permutation
from genwright.space import Continuous

__all__ = ["TESTS", "rows"]

TESTS = (
    "tests/core/samplers",
    "tests/core/families",
    "tests/plugins/images",
    "tests/benchmarks/cases/test_pictures.py",
)

_SECTION = "pictures"
_MODELS = ("images/fashion", "images/fashion-student", "images/fashion-gan", "images/emoji", "images/fashion-pixels")
_READ = 10_000
# About a quarter of an hour of one core for the 114 calls of four samplers. The kernel distance has no bias, and its
# error is stated.
_DRAWN = 2_000
# Bounds are estimated by 65 calls an image.
_SCORED: Mapping[str, int] = {"exact": 10_000, "bound": 500}
_DISTANCES = ("kernel-distance", "frechet-distance")
_REFERENCES = {"fashion-mnist": "fashion-mnist-test", "mnist": "mnist-test"}
_TWENTY, _HEUN = use("dpm-solver++", steps=20), use("heun", steps=40)
# What a family's samples are drawn with, and how often the network is called for each; of others, as suits them.
_PLANS: Mapping[str, Sequence[tuple[Component, int]]] = {
    "diffusion": ((use("dpm-solver++", steps=5), 5), (use("dpm-solver++", steps=10), 10), (_TWENTY, 20), (_HEUN, 79)),
    "consistency": ((use("consistency", steps=1), 1), (use("consistency", steps=2), 2)),
}
_PLANS = {**_PLANS, "flow": _PLANS["diffusion"]}
_BITS: Mapping[str, tuple[Target, Mapping[str, float]]] = {
    # Nalisnick et al. (2019), arXiv:1810.09136.
    "images/fashion-pixels": (at_most(2.80), {"Glow, published": 2.958}),
}


@final
@dataclass(frozen=True, kw_only=True)
class Shown:
    """A model with images to compare its own with.

    trained:   those that it was trained with
    test:      those that it was not trained with, if its data set has such, else others; the reference is of them
    """

    name: str
    model: Model[Any]
    trained: Sequence[Image.Image]
    test: Sequence[Image.Image]
    reference: Any


def rows(setting: Setting) -> Iterator[Row]:
    """Yield distances against calls, class agreement and bits a dimension of each model; of one that is asked for."""
    kept: dict[str, dict[int, Value]] = {}
    for name in _MODELS if setting.model == "families" else (setting.model,):
        try:
            shown = _shown(name, setting)
        except shipped.Missing as missing:
            yield Row(section=_SECTION, name=name, value=None, note=str(missing))
            continue
        kept[name] = {}
        yield from _distances(shown, setting, kept[name])
        yield from _bits(shown, setting)
    yield from _compared(kept)


def _shown(name: str, setting: Setting) -> Shown:
    model = shipped.model(name)
    trained, test = _apart(model.recipe.data, setting.scaled(_READ, 1_000))
    return Shown(name=name, model=model, trained=trained, test=test, reference=model.domain.reference(test))


def _apart(data: str, most: int) -> tuple[list[Image.Image], list[Image.Image]]:
    """Return images of a data set and others of its test set, in no order; where there is none, its two halves."""
    trained = _shuffled(shipped.items(data, most=most))
    if data not in _REFERENCES:
        return trained[::2], trained[1::2]
    return trained, _shuffled(shipped.items(_REFERENCES[data], most=most))


def _shuffled(images: Sequence[Image.Image]) -> list[Image.Image]:
    return [images[place] for place in permutation(0, 0, len(images)).tolist()]


def _distances(shown: Shown, setting: Setting, kept: dict[int, Value]) -> Iterator[Row]:
    count = _count(setting)
    beside = {name: {"training images": _value(name, shown.trained[:count], shown).value} for name in _DISTANCES}
    for sampler, calls in _plan(shown.model):
        samples = _drawn(shown.model, sampler, count, setting)
        found = {name: _value(name, samples, shown) for name in _DISTANCES}
        kept[calls] = found["kernel-distance"]
        for name, value in found.items():
            yield _row(f"{shown.name}: {name}, {sampler.name}, {calls} calls", value, beside[name])
    if "class" in shown.model.conditions.labels:
        yield _agreement(shown, samples, setting, by=sampler.name)


def _agreement(shown: Shown, samples: Sequence[Image.Image], setting: Setting, *, by: str) -> Row:
    found, ceiling = (_value(name, samples, shown) for name in ("class-agreement", "class-ceiling"))
    row = _row(f"{shown.name}: class agreement, {by}", found, {"real images held out": ceiling.value})
    return replace(row, target=None if setting.quick else at_least(round(0.9 * ceiling.value, 3)))


def _bits(shown: Shown, setting: Setting) -> Iterator[Row]:
    space, kind = shown.model.encoder.space, registry().get("family", shown.model.recipe.family.name).likelihood
    target, beside = _BITS.get(shown.name, (None, {}))
    # Without a step, numbers have a density, which is in bits of no kind.
    if kind not in _SCORED or (isinstance(space, Continuous) and not space.step):
        return
    some = shown.test[: setting.scaled(_SCORED[kind], 16)]
    try:
        found = likelihoods(shown.model, some, registry(), where={}, seed=setting.seed)
    except MismatchError:
        return
    row = _row(f"{shown.name}: bits a dimension ({found.kind})", found.mean_bits_per_dimension, beside)
    yield replace(row, target=target, note=f"Of {len(some):,} test images, with nothing asked.")


def _compared(kept: Mapping[str, Mapping[int, Value]]) -> Iterator[Row]:
    """Yield what is promised of few calls: beside many of the same model, and beside its teacher's."""
    for name, found in kept.items():
        if 20 in found and 79 in found:
            few, many = found[20], found[79]
            yield Row(
                section=_SECTION,
                name=f"{name}: kernel distance at 20 calls less at 79, in widths of its interval",
                value=abs(few.value - many.value)
                / (1.96 * math.hypot(few.error or 0.0, many.error or 0.0) or math.nan),
                target=at_most(1.0),
                note="The interval is that of 95 % for the difference.",
            )
    teacher, student = kept.get("images/fashion", {}), kept.get("images/fashion-student", {})
    if 20 in teacher and 2 in student:
        yield Row(
            section=_SECTION,
            name="images/fashion-student at 2 calls: kernel distance to that of its teacher at 20",
            # Without bias, a distance may be estimated at less than 0, of which nothing is a multiple.
            value=student[2].value / teacher[20].value if teacher[20].value > 0 else math.nan,
            unit="times",
            target=at_most(1.3),
        )


def _plan(model: Model[Any]) -> Sequence[tuple[Component, int]]:
    plan = _PLANS.get(model.recipe.family.name)
    if plan is not None:
        return plan
    sampler, reads = suited(model, registry()), registry().get("family", model.recipe.family.name).reads
    if reads == "next-token":
        return ((sampler, model.encoder.space.size),)
    made = make_sampler(sampler, registry(), encoder=model.encoder, reads=reads)
    return ((sampler, getattr(made, "steps", 1)),)


def _drawn(model: Model[Any], sampler: Component, count: int, setting: Setting) -> list[Image.Image]:
    """Return samples, as many of each class as of any other, each saying which; where there is none, asked nothing."""
    names = model.conditions.labels.get("class", ())
    if not names:
        return list(generate(model, count, seed=setting.seed, sampler=sampler, store=False).items)
    share = -(-count // len(names))
    # By a seed of its own, since samples of one seed and different classes begin with the same noise.
    drawn = (
        generate(model, share, seed=setting.seed + place, where={"class": name}, sampler=sampler, store=False)
        for place, name in enumerate(names)
    )
    return [item for samples in drawn for item in samples.items]


def _value(metric: str, samples: Sequence[Image.Image], shown: Shown) -> Value:
    domain = shown.model.domain
    measure = registry().of_domain("metric", domain.name)[metric].load()
    found: Value | None = measure(domain.gather(samples), shown.reference)
    return Value(value=math.nan) if found is None else found


def _row(name: str, found: Value, beside: Mapping[str, float]) -> Row:
    spread = None if found.error is None else (found.value - found.error, found.value + found.error)
    return Row(
        section=_SECTION, name=name, value=found.value, spread=spread, peers=beside, note=f"{found.count:,} images."
    )


def _count(setting: Setting) -> int:
    return min(setting.samples, setting.scaled(_DRAWN, 40))
