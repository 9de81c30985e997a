"""How fast a WaveNet draws sound from what its layers kept, and how likely real sound is under the one that ships."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from benchmarks import shipped
from benchmarks.clock import Repeated
from benchmarks.rates import Rate, Spent, rates, ratio_row, spent
from benchmarks.row import Row, Target, at_least, at_most
from benchmarks.setting import Setting
from genwright.backbones.wavenet import WaveNet
from genwright.families.autoregressive import Autoregressive
from genwright.generation import threads
from genwright.likelihoods import likelihoods
from genwright.model import Model
from genwright.readings import Condition
from genwright.registry import registry
from genwright.samplers.tokens import Temperature
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Tokens

__all__ = ["TESTS", "rows"]

TESTS = (
    "tests/core/backbones/test_wavenet.py",
    "tests/core/backbones/test_wavestream.py",
    "tests/core/samplers/test_tokens.py",
    "tests/plugins/audio/test_mulaw.py",
)

_SECTION, _MODEL, _DATA = "wavenet", "audio/digits-wavenet", "fsdd"
_RATE = 8_000
_SPACE = Tokens(vocab_size=257, shape=(_RATE,), stop=256)
_CONDITIONS = ConditionSpace(labels={"digit": tuple("0123456789"), "speaker": tuple("abcdef")})
# The second is that of which 2,445 samples a second were measured with rings in plain PyTorch, 0.31 of real time.
_NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "as it ships, 16 layers of 64, stride 4": {"depth": 16, "cycle": 8, "stride": 4},
    "20 layers of 64, stride 1": {},
}


def rows(setting: Setting) -> Iterator[Row]:
    """Yield rates of drawing on one core, beside computing all within reach anew, and the nats of real sound."""
    with threads(1):
        for at, (name, options) in enumerate(_NETWORKS.items()):
            with seeded_torch(0):
                network = WaveNet(space=_SPACE, conditions=_CONDITIONS, **options)
            network.eval().requires_grad_(False)
            yield from _drawing(setting, name, network, is_shipped=at == 0)
    yield _likelihood(setting)


def _drawing(setting: Setting, name: str, network: WaveNet, *, is_shipped: bool) -> Iterator[Row]:
    work: dict[str, Callable[[], Spent]] = {
        "1 rows": partial(_streamed, network, 1, setting.scaled(4_000, 400)),
        "16 rows": partial(_streamed, network, 16, setting.scaled(1_000, 400)),
        "128 rows": partial(_streamed, network, 128, setting.scaled(400, 200)),
        "anew": partial(_anew, network, setting.scaled(20, 5)),
        "drawn": partial(_drawn, network, setting.scaled(8_000, 800)),
    }
    found = rates(work, rounds=setting.scaled(5, 3))
    apart = _apart(network, setting.scaled(1_200, 100))
    alone = found["1 rows"]
    yield ratio_row(
        _SECTION,
        f"{name}: logits of one row from rings, beside computing all {network.reach:,} samples within reach anew",
        alone,
        ("anew", found["anew"]),
        target=at_least(80),
        note=f"At the same weights; the logits are at most {apart:.2g} apart.",
    )
    yield Row(section=_SECTION, name=f"{name}: farthest logit", value=apart, target=at_most(1e-5))
    target = at_least(1) if is_shipped else None
    yield _real_time(f"{name}: one stream, its logits alone, in real time at 8 kHz", alone, target)
    yield _real_time(f"{name}: one stream, noise and choice too, in real time at 8 kHz", found["drawn"], target)
    for count in (16, 128):
        yield _together(f"{name}: logits of {count} rows, all together", found[f"{count} rows"])


def _real_time(name: str, rate: Rate, target: Target | None) -> Row:
    """Return by how much one second of processor time is longer than the sound drawn in it."""
    times = Repeated(tuple(one.count / one.processor / _RATE for one in rate.rounds))
    return Row(
        section=_SECTION,
        name=name,
        value=times.median,
        unit="times",
        spread=times.spread,
        processor=rate.processor,
        target=target,
        note=f"By processor time, of one core; on the clock {rate.each.median / _RATE:.2f} times.",
    )


def _together(name: str, rate: Rate) -> Row:
    return Row(
        section=_SECTION,
        name=name,
        value=1e6 / rate.processor,
        unit="samples/s",
        processor=rate.processor,
        note=f"By processor time, of one core; on the clock {rate.each.median:,.0f}/s.",
    )


def _tokens(count: int, length: int) -> Tensor:
    tokens = Noise(7, torch.arange(count)).bits("x", 0, length) % 256
    tokens[:, 0] = _SPACE.vocab_size
    return tokens


def _nothing(count: int) -> Condition:
    return Condition.none(count, labels=len(_CONDITIONS.labels))


def _streamed(network: WaveNet, count: int, length: int) -> Spent:
    """Give so many rows as many tokens, one after another."""
    stream, columns = network.open(_nothing(count)), _tokens(count, length).T.contiguous()

    def step() -> None:
        for tokens in columns:
            stream.step(tokens)

    return spent(count * length, step)


@torch.inference_mode()
def _anew(network: WaveNet, count: int) -> Spent:
    """Compute the logits of one token from all within reach, so many times."""
    window = _tokens(1, network.reach)

    def compute() -> None:
        for _ in range(count):
            network(window, _nothing(1))

    return spent(count, compute)


def _drawn(network: WaveNet, length: int) -> Spent:
    """Draw one sound that does not stop, as `--stream` does."""
    space = Tokens(vocab_size=_SPACE.vocab_size, shape=(length,))
    family = Autoregressive(space=space, conditions=_CONDITIONS, build=lambda part, **given: network)
    reading, noise = family.reading(), Noise(7, torch.arange(1))
    return spent(length, lambda: [len(block) for block in Temperature().blocks(reading, noise, _nothing(1))])


@torch.inference_mode()
def _apart(network: WaveNet, length: int) -> float:
    """Return how far the logits from rings are at most from those of the whole row at once."""
    tokens, stream = _tokens(16, length), network.open(_nothing(16))
    streamed = torch.stack([stream.step(column) for column in tokens.T], 1)
    return float((streamed - network(tokens, _nothing(16))).abs().max())


def _likelihood(setting: Setting) -> Row:
    """Return the nats a sample of test clips, given the digit and the speaker of each."""
    name = shipped.name(setting, _MODEL) if setting.model != "audio" else _MODEL
    try:
        model, clips = shipped.model(name, data=_DATA), shipped.items(f"{_DATA}-test", most=setting.scaled(300, 12))
    except shipped.Missing as missing:
        return Row(section=_SECTION, name=f"{name}: nats a sample", value=None, unit="nats", note=str(missing))
    held = [clip for clip in clips if len(clip.wave) <= model.encoder.space.size]
    asked, nothing = (_nats(model, held, by=by) for by in (("digit", "speaker"), ()))
    return Row(
        section=_SECTION,
        name=f"{name}: nats a sample of Free Spoken Digit clips not trained on, digit and speaker given",
        value=asked,
        unit="nats",
        note=f"Of {len(held):,} of {len(clips):,} test clips, of a second or less, by the same speakers; ends count. "
        f"With nothing given {nothing:.4f}. Equal chances of 257 tokens: {math.log(257):.3f}.",
    )


def _nats(model: Model[Any], clips: list[Any], *, by: tuple[str, ...]) -> float:
    """Return the mean over all samples, where each clip is given what it says of itself."""

    def said(clip: Any) -> dict[str, str]:
        return {name: clip.facts[name] for name in by}

    total = 0.0
    for where, some in groupby(sorted(clips, key=lambda clip: [*said(clip).values()]), key=said):
        total -= sum(likelihoods(model, list(some), registry(), where=where, seed=0).nats)
    return total / sum(len(clip.wave) + 1 for clip in clips)
