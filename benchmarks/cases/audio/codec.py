"""What the codec that ships leaves of recordings, by how many codebooks, and how fast; mel bands beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float32
from numpy import ndarray

from benchmarks import shipped
from benchmarks.clock import interleaved
from benchmarks.heard import Heard, Mean, compared, mean
from benchmarks.row import Row
from benchmarks.setting import Setting
from genwright.encoder import Encoder
from genwright.generation import threads
from genwright_audio.clip import Clip
from genwright_audio.codec import Codec
from genwright_audio.codecs import trained
from genwright_audio.mel import Mel
from genwright_audio.spectrum import TELEPHONE

__all__ = ["TESTS", "rows"]

TESTS = (
    "tests/plugins/audio/test_autoencoder.py",
    "tests/plugins/audio/test_codec.py",
    "tests/plugins/audio/test_codecs.py",
    "tests/benchmarks/test_heard.py",
    "tests/benchmarks/cases/audio/test_codec.py",
)

_SECTION = "codec"
_CODEC, _DATA = "speech-8k", "fsdd-test"
_COUNTS = (8, 6, 4, 2, 1)
# A digit alone is too short for PESQ.
_TOGETHER = 10
_REPETITIONS = 5
_UNITS = {"PESQ": "", "STOI": "", "log-spectral distance": "dB"}

Wave = Float32[ndarray, " _"]


def rows(setting: Setting) -> Iterator[Row]:
    """Yield speed, and PESQ, STOI and log-spectral distance by codebooks, beside mel bands with the same vocoder."""
    try:
        clips = shipped.items(_DATA)
    except shipped.Missing as missing:
        yield Row(section=_SECTION, name=_CODEC, value=None, note=str(missing))
        return
    clips = clips[: _TOGETHER * setting.scaled(len(clips), 10)]
    with threads(1):
        yield from _speeds(_fitted(Codec(codec=_CODEC), clips), clips[: setting.scaled(32, 4)], setting)
        yield from _likeness(clips)


def _fitted(encoder: Encoder[Clip], clips: Sequence[Clip]) -> Encoder[Clip]:
    encoder.fit(clips)
    return encoder


def _speeds(encoder: Encoder[Clip], clips: Sequence[Clip], setting: Setting) -> Iterator[Row]:
    tokens, seconds = encoder.encode(clips), sum(clip.seconds for clip in clips)
    work: Mapping[str, Callable[[], object]] = {
        "encoded": partial(encoder.encode, clips),
        "decoded": partial(encoder.decode, tokens),
    }
    for name, spent in interleaved(work, repetitions=setting.scaled(_REPETITIONS, 3)).items():
        yield Row(
            section=_SECTION,
            name=f"{_CODEC}, {_DATA}: seconds of sound {name} a second of one core",
            value=seconds / spent.median,
            unit="times real time",
            spread=(seconds / spent.spread[1], seconds / spent.spread[0]),
            note=f"Of {len(clips)} recordings, {seconds:.1f} s, one by one, in processor time.",
        )


def _likeness(clips: Sequence[Clip]) -> Iterator[Row]:
    try:
        # Of its own it has room for 99 in 100.
        beside = _heard(Mel(rate=TELEPHONE.rate, seconds=max(clip.seconds for clip in clips)), clips)
        found = {count: _heard(Codec(codec=_CODEC, codebooks=count), clips) for count in _COUNTS}
    except ModuleNotFoundError as error:
        yield Row(section=_SECTION, name=_CODEC, value=None, note=f"{error.name} is not installed.")
        return
    parts = -(-len(clips) // _TOGETHER)
    for count, means in found.items():
        for name, unit in _UNITS.items():
            yield Row(
                section=_SECTION,
                name=f"{_CODEC}, {_DATA}, {count} codebooks, {_rate(count):.1f} kbit/s: {name}",
                value=means[name].value,
                unit=unit,
                spread=means[name].spread,
                peers={"mel": beside[name].value},
                note=f"Mean of {parts}, of {_TOGETHER} recordings each.",
            )


def _rate(count: int) -> float:
    """Return thousands of bits a second."""
    network = trained(_CODEC).network
    vectors = network.frames.rate / (network.frames.hop * network.together)
    return float(count * np.log2(network.size) * vectors / 1000)


def _heard(encoder: Encoder[Clip], clips: Sequence[Clip]) -> Mapping[str, Mean]:
    again = _decoded(_fitted(encoder, clips), clips)
    parts = [slice(start, start + _TOGETHER) for start in range(0, len(clips), _TOGETHER)]
    waves = [clip.wave for clip in clips]
    heard = [compared(np.concatenate(again[part]), np.concatenate(waves[part]), TELEPHONE) for part in parts]
    return {name: mean([_value(name, each) for each in heard]) for name in _UNITS}


def _value(name: str, heard: Heard) -> float:
    return {"PESQ": heard.pesq, "STOI": heard.stoi, "log-spectral distance": heard.lsd}[name]


def _decoded(encoder: Encoder[Clip], clips: Sequence[Clip]) -> list[Wave]:
    """Return what is decoded of what clips are encoded as, each as long as the clip."""
    found = [clip.wave for clip in encoder.decode(encoder.encode(clips))]
    return [
        np.pad(wave, (0, max(0, len(clip.wave) - len(wave))))[: len(clip.wave)]
        for wave, clip in zip(found, clips, strict=True)
    ]
