"""What spoken digits that a model draws are worth, beside recorded ones that it was not trained on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from benchmarks import shipped
from benchmarks.row import Row, Target, at_least, at_most
from benchmarks.setting import Setting
from genwright import generate
from genwright.metrics import Metric, Value
from genwright_audio import metrics
from genwright_audio.clip import Clip
from genwright_audio.gathered import Gathered
from genwright_audio.reference import Reference

__all__ = ["TESTS", "asked", "rows"]

TESTS = (
    "tests/core/samplers",
    "tests/core/families",
    "tests/plugins/audio",
    "tests/benchmarks/cases/audio/test_quality.py",
)

_SECTION = "quality"
_TRAIN, _TEST = "fsdd", "fsdd-test"
_DIGITS = tuple("0123456789")
# As many as there are recordings to be held against.
_SAMPLES = 300
_METRICS: Mapping[str, Metric] = {
    "digit-agreement": metrics.digit_agreement,
    "speaker-agreement": metrics.speaker_agreement,
    "kernel-distance": metrics.kernel,
    "frechet-distance": metrics.frechet,
    "diversity": metrics.diversity,
    "copied": metrics.copied,
}
# Which a reader of these rows would not know otherwise.
_CHOSEN = (
    " The classifier's size and steps were chosen on the test recordings, so what they reach may be a little high."
)
_HELD: Mapping[str, Metric] = {
    "digit-agreement": metrics.digit_ceiling,
    "speaker-agreement": metrics.speaker_ceiling,
    "kernel-distance": metrics.kernel_floor,
    "frechet-distance": metrics.frechet_floor,
}


def rows(setting: Setting) -> Iterator[Row]:
    """Yield each metric of samples of all digits and speakers, beside that of test recordings and of those held out."""
    try:
        train, test = shipped.items(_TRAIN), shipped.items(_TEST)
    except shipped.Missing as missing:
        yield Row(section=_SECTION, name=f"all metrics against {_TRAIN}", value=None, note=str(missing))
        return
    reference, real = Reference(train), Gathered(test)
    drawn = Gathered(asked(setting, sorted({clip.facts["speaker"] for clip in train})))
    for name, metric in _METRICS.items():
        yield _row(name, metric, drawn, real, reference, setting)
    unseen = metrics.digit_unseen_speakers(drawn, reference)
    yield Row(
        section=_SECTION,
        name="digits told by classifiers that have not heard their speaker",
        value=None if unseen is None else unseen.value,
        spread=None if unseen is None else _spread(unseen),
        note="Of recordings: how little digit-agreement says of other voices. They are trained half as long as that of "
        "digit-agreement; the error is over speakers.",
    )


def asked(setting: Setting, speakers: Sequence[str]) -> list[Clip]:
    """Return as many samples of each digit by each speaker."""
    pairs = list(product(_DIGITS, speakers))
    each = max(1, setting.scaled(_SAMPLES, 60) // len(pairs))
    found: list[Clip] = []
    for place, (digit, speaker) in enumerate(pairs):
        where = {"digit": digit, "speaker": speaker}
        found += generate(setting.model, each, seed=setting.seed + place, where=where, store=False).items
    return found


def _row(name: str, metric: Metric, drawn: Gathered, real: Gathered, reference: Reference, setting: Setting) -> Row:
    value, beside = metric(drawn, reference), metric(real, reference)
    assert value is not None
    assert beside is not None
    held = _HELD[name](drawn, reference) if name in _HELD else None
    reals = {"test recordings": beside, **({} if held is None else {"recordings held out": held})}
    target, source = (None, "") if setting.quick else _target(name, reals)
    return Row(
        section=_SECTION,
        name=name,
        value=value.value,
        spread=_spread(value),
        target=target,
        peers={who: one.value for who, one in reals.items()},
        note=f"{value.count:,} samples.{source}{_CHOSEN if name.endswith('agreement') else ''}",
    )


def _target(name: str, reals: Mapping[str, Value]) -> tuple[Target | None, str]:
    """Return what a metric must reach, and what to say of where that comes from."""
    if name == "digit-agreement":
        return at_least(round(0.95 * reals["test recordings"].value, 4)), ""
    if name == "kernel-distance":
        return _near(reals)
    # One in a hundred of those that copy nothing, and three standard errors of that.
    least = at_most(round(0.01 + 3 * math.sqrt(0.01 * 0.99 / _SAMPLES), 3)) if name == "copied" else None
    return least, ""


def _near(reals: Mapping[str, Value]) -> tuple[Target, str]:
    """Return three times the least distance of recordings that is more than its own error.

    A distance without bias is about 0 of recordings like those of the reference, or less, and three times that bounds
    nothing. Where that is so of all, three standard errors of test recordings are what chance alone explains.
    """
    errors = {who: one.error or 0 for who, one in reals.items()}
    sure = {who: one.value for who, one in reals.items() if one.value > errors[who]}
    unsure = "".join(
        f" That of {who} is {one.value:.3g} with an error of {errors[who]:.2g}, which is no more than chance."
        for who, one in reals.items()
        if who not in sure
    )
    if not sure:
        bound, source = errors["test recordings"], "three standard errors of test recordings"
    else:
        who = min(sure, key=sure.__getitem__)
        bound, source = sure[who], f"three times that of {who}"
    return at_most(round(3 * bound, 2)), f" The target is {source}.{unsure}"


def _spread(value: Value) -> tuple[float, float] | None:
    return None if value.error is None else (value.value - value.error, value.value + value.error)
