"""What vocoders make of the mel bands of recordings, and how fast: those that ship, and Griffin-Lim beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import final

import numpy as np
import torch
from jaxtyping import Float, Float32
from numpy import ndarray
from torch import Tensor

from benchmarks import shipped
from benchmarks.clock import interleaved
from benchmarks.heard import Heard, compared, mean
from benchmarks.row import Row, Target, at_least
from benchmarks.setting import Setting
from genwright.generation import threads
from genwright_audio.griffinlim import GriffinLim
from genwright_audio.spectrum import Frames, log_mel
from genwright_audio.vocoders import Vocoder, trained

__all__ = ["TESTS", "rows"]

TESTS = (
    "tests/plugins/audio/test_vocoder.py",
    "tests/plugins/audio/test_vocoders.py",
    "tests/plugins/audio/test_griffinlim.py",
    "tests/benchmarks/test_heard.py",
    "tests/benchmarks/cases/audio/test_vocoder.py",
)

_SECTION = "vocoder"
_TOGETHER = 10
_REPETITIONS = 5
_SPEED = at_least(20)

Wave = Float32[ndarray, " _"]


@final
@dataclass(frozen=True, kw_only=True)
class _Plan:
    """What a vocoder that ships is measured on.

    first:     the first recording of the data set that it was not trained on
    together:  recordings that are heard as one, since a digit alone is too short for PESQ
    published: PESQ that others reach, on other data
    chosen:    what was chosen on the recordings that it is measured on
    """

    vocoder: str
    data: str
    first: int = 0
    together: int = 1
    target: Target | None = None
    published: Mapping[str, float]
    chosen: str


_PLANS = (
    _Plan(
        vocoder="speech-8k",
        data="fsdd-test",
        together=_TOGETHER,
        published={},
        chosen="The rounds after the network were chosen on recordings of this data set.",
    ),
    _Plan(
        vocoder="22k",
        data="ljspeech32",
        first=24,
        target=_SPEED,
        # Siuzdak (2023), arXiv:2306.00814, table 1: LibriTTS at 24 kHz, with 13.5 to 14 million weights.
        published={"HiFi-GAN, published, other data": 3.093, "Vocos, published, other data": 3.70},
        chosen="The vocoder was trained on the first 24 of the 32, and its rounds were chosen on these 8.",
    ),
)
_UNITS = {"PESQ": "", "STOI": "", "log-spectral distance": "dB"}


def rows(setting: Setting) -> Iterator[Row]:
    """Yield speed, PESQ, STOI and log-spectral distance of each vocoder and of Griffin-Lim on the same recordings."""
    for plan in _PLANS:
        try:
            clips = shipped.items(plan.data)[plan.first :]
        except shipped.Missing as missing:
            yield Row(section=_SECTION, name=plan.vocoder, value=None, note=str(missing))
            continue
        most = setting.scaled(len(clips), 200)
        vocoder = trained(plan.vocoder)
        both: list[Vocoder] = [vocoder, GriffinLim(frames=vocoder.frames)]
        waves = [clip.wave for clip in clips[: most * plan.together]]
        with threads(1), torch.inference_mode():
            yield from _speeds(plan, both, waves[: setting.scaled(32, 16)], setting)
            yield from _likeness(plan, both, waves)


def _speeds(plan: _Plan, both: Sequence[Vocoder], waves: Sequence[Wave], setting: Setting) -> Iterator[Row]:
    mels = [_bands(wave, both[0].frames) for wave in waves]
    seconds = sum(map(len, waves)) / both[0].frames.rate

    work = {each.name: partial(_made, each, mels) for each in both}
    found = interleaved(work, repetitions=setting.scaled(_REPETITIONS, 3))
    for each in both:
        spent = found[each.name]
        yield Row(
            section=_SECTION,
            name=f"{_named(plan, each)}: seconds of sound a second of one core",
            value=seconds / spent.median,
            unit="times real time",
            spread=(seconds / spent.spread[1], seconds / spent.spread[0]),
            target=None if isinstance(each, GriffinLim) else plan.target,
            note=f"Of {len(waves)} recordings, {seconds:.1f} s, one by one, in processor time.",
        )


def _made(vocoder: Vocoder, mels: Sequence[Float[Tensor, "1 M T"]]) -> list[Float[Tensor, "1 L"]]:
    return [vocoder.waves(mel) for mel in mels]


def _likeness(plan: _Plan, both: Sequence[Vocoder], waves: Sequence[Wave]) -> Iterator[Row]:
    try:
        found = {each.name: _heard(plan, each, waves) for each in both}
    except ModuleNotFoundError as error:
        yield Row(section=_SECTION, name=plan.vocoder, value=None, note=f"{error.name} is not installed.")
        return
    for name, unit in _UNITS.items():
        values = {each.name: mean([_value(name, heard) for heard in found[each.name]]) for each in both}
        for each in both:
            is_ours = not isinstance(each, GriffinLim)
            beside = {"griffin-lim": values["griffin-lim"].value} if is_ours else {}
            yield Row(
                section=_SECTION,
                name=f"{_named(plan, each)}: {name}",
                value=values[each.name].value,
                unit=unit,
                spread=values[each.name].spread,
                peers={**beside, **(plan.published if is_ours and name == "PESQ" else {})},
                note=f"Mean of {len(found[each.name])}, of {plan.together} recordings each."
                + (f" {plan.chosen}" if is_ours else ""),
            )


def _named(plan: _Plan, vocoder: Vocoder) -> str:
    return f"{vocoder.name}, {plan.data}"


def _value(name: str, heard: Heard) -> float:
    return {"PESQ": heard.pesq, "STOI": heard.stoi, "log-spectral distance": heard.lsd}[name]


def _heard(plan: _Plan, vocoder: Vocoder, waves: Sequence[Wave]) -> list[Heard]:
    again = [vocoder.waves(_bands(wave, vocoder.frames))[0, : len(wave)].clamp(-1, 1).numpy() for wave in waves]
    starts = range(0, len(waves), plan.together)
    parts = [slice(start, start + plan.together) for start in starts]
    return [compared(np.concatenate(again[part]), np.concatenate(waves[part]), vocoder.frames) for part in parts]


def _bands(wave: Wave, frames: Frames) -> Float[Tensor, "1 M T"]:
    """Return the bands of a waveform with silence after it, as the encoder has them."""
    padded = torch.zeros(1, (frames.holding(len(wave)) - 1) * frames.hop)
    padded[0, : len(wave)] = torch.from_numpy(wave)
    return log_mel(padded, frames)
