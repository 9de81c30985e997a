"""Drawing tokens from a GPT of 10.8 million weights, beside transformers with networks like it and with its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, final

import torch
from torch import nn

from benchmarks.cases.kernels.machine import usual_device
from benchmarks.cases.peers import compared
from benchmarks.cases.sampling.turns import turns, unit
from benchmarks.peers.transformers_gpt2 import Size, drawing, gpt2
from benchmarks.peers.transformers_qwen3 import qwen3
from benchmarks.row import Row, Target, at_least
from benchmarks.setting import Setting
from genwright.backbones.transformer import Transformer
from genwright.generation import threads
from genwright.readings import Condition, Stream
from genwright.samplers.tokens import Temperature
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Tokens

__all__ = ["TESTS", "rows", "transformer"]

TESTS = (
    "tests/core/backbones/test_transformer.py",
    "tests/core/samplers/test_tokens.py",
    "tests/benchmarks/peers/test_transformers_qwen3.py",
)

_SECTION = "tokens"
_SIZE = Size(vocabulary=65, length=256, width=384, depth=6, heads=6, kept=6)
_SMALL = Size(vocabulary=65, length=16, width=64, depth=1, heads=2, kept=2)
_TARGETS: Mapping[str, Mapping[int, Target]] = {
    "cpu": {1: at_least(2.0), 64: at_least(2.2)},
    "cuda": {1: at_least(5.0), 64: at_least(5.0)},
}
Work = Callable[[], object]


@final
@dataclass(frozen=True)
class _Whole:
    """A network read token by token, in rows that end nowhere before their length."""

    network: Transformer
    length: int
    stop: None = None

    @property
    def start(self) -> int:
        return self.network.start

    def open(self, condition: Condition) -> Stream:
        return self.network.open(condition)


def rows(setting: Setting) -> Iterator[Row]:
    """Yield tokens a second, of processor time where there is no GPU, each work's done in turns."""
    size, device = _SMALL if setting.smoke else _SIZE, usual_device()
    with threads(1):
        for count, target in _TARGETS[device.type].items():
            name = f"{count} rows of {size.length - 1} tokens, float32"
            if setting.is_late:
                yield Row(section=_SECTION, name=name, value=None, target=target, note="The time allowed had passed.")
                continue
            yield from _beside_gpt2(size, count, setting, device, None if setting.smoke else target)
            yield from _beside_itself(size, count, setting, device, None if setting.smoke else target)
            yield from _in_halves(size, count, setting, device)


def transformer(size: Size, activation: Literal["relu2", "swiglu"], device: torch.device) -> Transformer:
    """Return a transformer with random weights that half precision holds, as those of checkpoints are."""
    torch.manual_seed(0)
    # The start token is one of the peers' vocabulary, and not counted in ours.
    space = Tokens(shape=(size.length,), vocab_size=size.vocabulary - 1)
    network = Transformer(
        space=space,
        conditions=ConditionSpace(),
        width=size.width,
        depth=size.depth,
        heads=size.heads,
        activation=activation,
    )
    for weight in network.parameters():
        # What begins at zero would add nothing to the stream.
        if weight.ndim == 2 and not weight.any():
            nn.init.normal_(weight, std=0.02)
        weight.data = weight.data.half().float()
    return network.eval().requires_grad_(False).to(device)


def _beside_gpt2(
    size: Size, count: int, setting: Setting, device: torch.device, target: Target | None
) -> Iterator[Row]:
    work: dict[str, Work] = {"ours": _drawn(transformer(size, "relu2", device), size, count)}
    note = ""
    try:
        for name, activation in (("GPT-2", "relu2"), ("GPT-2 with GELU", "gelu_new")):
            made = partial(gpt2, size, rows=count, length=size.length - 1, dtype=torch.float32)
            work[name] = made(activation=activation, device=device)
    except ImportError as error:
        note = _not_installed(error)
    found = turns(work, count * (size.length - 1), device, repetitions=1 if setting.smoke else 3)
    name = f"{count} rows of {size.length - 1} tokens, float32, squared ReLU"
    targets: dict[str, Target | None] = {"GPT-2": target, "GPT-2 with GELU": None}
    yield from compared(name, found, targets, note, section=_SECTION, unit=unit(device))


def _beside_itself(
    size: Size, count: int, setting: Setting, device: torch.device, target: Target | None
) -> Iterator[Row]:
    network = transformer(size, "swiglu", device)
    work: dict[str, Work] = {"ours": _drawn(network, size, count)}
    note = ""
    try:
        peer = qwen3(network)
        work["Qwen3 of the same weights"] = drawing(peer, start=network.start, rows=count, length=size.length - 1)
    except ImportError as error:
        note = _not_installed(error)
    found = turns(work, count * (size.length - 1), device, repetitions=1 if setting.smoke else 3)
    name = f"{count} rows of {size.length - 1} tokens, float32, SwiGLU"
    yield from compared(name, found, {"Qwen3 of the same weights": target}, note, section=_SECTION, unit=unit(device))


def _in_halves(size: Size, count: int, setting: Setting, device: torch.device) -> Iterator[Row]:
    """Yield ours in bfloat16 beside GPT-2 in either precision, of which a processor need not be faster in the lower."""
    network = transformer(size, "relu2", device)
    work: dict[str, Work] = {"ours": _drawn(network, size, count, dtype=torch.bfloat16)}
    note = ""
    try:
        for name, dtype in (("GPT-2", torch.float32), ("GPT-2 in bfloat16", torch.bfloat16)):
            made = partial(gpt2, size, rows=count, length=size.length - 1, dtype=dtype)
            work[name] = made(activation="relu2", device=device)
    except ImportError as error:
        note = _not_installed(error)
    found = turns(work, count * (size.length - 1), device, repetitions=1 if setting.smoke else 3)
    name = f"{count} rows of {size.length - 1} tokens, ours in bfloat16, squared ReLU"
    targets: dict[str, Target | None] = {"GPT-2": None, "GPT-2 in bfloat16": None}
    yield from compared(name, found, targets, note, section=_SECTION, unit=unit(device))


def _drawn(network: Transformer, size: Size, count: int, *, dtype: torch.dtype = torch.float32) -> Work:
    """Return what draws rows of full length from a network of ours."""
    reading = _Whole(network, size.length - 1)
    device = network.embedding.weight.device
    noise, condition = Noise(0, torch.arange(count, device=device)), Condition.none(count).to(device)

    def drawn() -> object:
        with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            return Temperature().sample(reading, noise, condition, rows=count)

    return drawn


def _not_installed(error: ImportError) -> str:
    return f"transformers is not installed ({error}): pip install -r benchmarks/requirements.txt."
