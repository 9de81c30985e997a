"""Tokens drawn by steps that were recorded, as a GPU replays them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from genwright import captured, kernels
from genwright.backbones.transformer import Transformer
from genwright.readings import Condition, Steady, Stream
from genwright.samplers.guidance import Guided
from genwright.samplers.tokens import Temperature, TokenSampler, TopK
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Tokens
from genwright.testing.networks import asked, shaken
from tests.core.tapes import in_the_small, taped

SPACE = Tokens(vocab_size=7, shape=(10,), stop=0)
CONDITIONS = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"colour": ("red", "green")})


@dataclass(frozen=True)
class Reading:
    network: Transformer
    start: int = 7
    stop: int = 0
    length: int = 10

    def open(self, condition: Condition) -> Stream:
        return self.network.open(condition)


@pytest.fixture
def reading() -> Reading:
    network = Transformer(space=SPACE, conditions=CONDITIONS, width=16, depth=1, heads=2)
    return Reading(shaken(network, by=0.3).eval().requires_grad_(False))


@pytest.mark.parametrize("sampler", [Temperature(), TopK(k=3)], ids=["temperature", "top-k"])
@pytest.mark.parametrize("rows", [1, 16])
def test_replayed_steps_draw_the_same_tokens(
    reading: Reading, sampler: TokenSampler, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise, condition = Noise(3, torch.arange(20)), asked(0.4, 1, rows=20)
    seen: list[str] = []

    def record(function: captured.Function, given: tuple[torch.Tensor, ...]) -> captured.Recording:
        seen.append(getattr(function, "__qualname__", ""))
        return taped(function, given)

    with kernels.use("reference"):
        expected = sampler.sample(reading, noise, condition, rows=rows)
        with in_the_small(monkeypatch, record=record):
            assert torch.equal(sampler.sample(reading, noise, condition, rows=rows), expected)
    assert set(seen) == {"TransformerStream.step"}
    # One record for all rows that are drawn together; a row that is drawn alone has its own stream.
    assert len(seen) == 1 or rows == 1


@pytest.mark.parametrize("moves", [False, True])
def test_a_guided_stream_is_steady_if_its_parts_are(reading: Reading, moves: bool) -> None:
    stream = Guided(inner=Temperature(), scale=2.0)._guided(reading, moves=moves).open(asked(0.4, 1))
    assert isinstance(stream, Steady)
    assert stream.is_steady
    stream.asked.is_steady = False
    assert not stream.is_steady
