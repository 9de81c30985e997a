"""Drawing beside others: the same number of tokens from networks of the same size, and molecules."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

import torch

from benchmarks.clock import Repeated, interleaved
from benchmarks.peers.char_rnn import CharRNN
from benchmarks.peers.transformers_gpt2 import Size, gpt2, llama
from benchmarks.row import Row, Target, at_least
from benchmarks.setting import Setting
from genwright import library
from genwright.generation import Generation
from genwright.model import Model
from genwright.readings import Condition, NextToken, Stream
from genwright.recipe import use
from genwright.registry import registry
from genwright.samplers.tokens import Temperature
from genwright.seeds import Noise

__all__ = ["TESTS", "compared", "rows"]

TESTS = ("tests/core/backbones", "tests/core/samplers", "tests/core/families")

_SECTION = "peers"
_ROWS = 256
_TARGET = at_least(1.5)
Work = Callable[[], object]


def rows(setting: Setting) -> Iterator[Row]:
    """Yield tokens and molecules a second of processor time, on one thread, each row's work done in turns."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = Model.load(library.find(setting.model, registry()), registry())
        for dtype in (torch.float32, torch.bfloat16):
            yield from _tokens(model, dtype, setting)
        yield from _molecules(model, setting)
    finally:
        torch.set_num_threads(threads)


def _tokens(model: Model[Any], dtype: torch.dtype, setting: Setting) -> Iterator[Row]:
    size = _size(model)
    others, note = _transformers(size, dtype, length=size.length)
    work = {"ours": _unstopped(model, dtype), **others}
    rates = _rates(work, dict.fromkeys(work, _ROWS * size.length), setting)
    name = str(dtype).removeprefix("torch.")
    if dtype != torch.float32:
        note = f"On a CPU ours computes in float32 from such weights. {note}".strip()
    yield from compared(f"tokens, weights in {name}, {_ROWS} rows of {size.length}", rates, {"GPT-2": _TARGET}, note)


def _molecules(model: Model[Any], setting: Setting) -> Iterator[Row]:
    generation = Generation(
        model=model, sampler=use("temperature"), where={}, seed=setting.seed, rows=_ROWS, registry=registry()
    )
    drawn = generation.tensors(torch.arange(_ROWS))
    # The stop that ends each row counts: it has to be drawn too.
    tokens = int((drawn != model.encoder.space.stop).sum(1).max()) + 1  # type: ignore[union-attr]
    lengths = [len(item) for item in generation.items(range(_ROWS))]
    others, note = _transformers(_size(model), torch.float32, length=tokens)
    rnn, count = CharRNN().eval(), setting.scaled(8, 4) * _ROWS
    work = {"ours": lambda: generation.tensors(torch.arange(count)), "CharRNN": lambda: rnn.draw(lengths), **others}
    rates = _rates(work, {**dict.fromkeys(work, _ROWS), "ours": count}, setting)
    how = (
        f"The batch of a peer goes on until its longest row has ended: {max(lengths) + 1} characters of CharRNN, "
        f"{tokens} of our tokens for transformers; ours gives the place of an ended row to the next."
    )
    yield from compared(f"molecules, float32, {_ROWS} rows", rates, {"CharRNN": None}, f"{how} {note}".strip())


def compared(
    name: str,
    rates: Mapping[str, Repeated],
    targets: Mapping[str, Target | None],
    note: str,
    *,
    section: str = _SECTION,
    unit: str = "/CPU-s",
) -> Iterator[Row]:
    """Yield the rates, then how many times a peer's ours is, for each peer that has a target or is named for one."""
    ours = rates["ours"]
    others = {peer: rate.median for peer, rate in rates.items() if peer != "ours"}
    yield Row(section=section, name=name, value=ours.median, unit=unit, spread=ours.spread, peers=others, note=note)
    for peer, target in targets.items():
        times = ours.over(rates[peer]) if peer in rates else None
        yield Row(
            section=section,
            name=f"{name}: ours to {peer}'s",
            value=None if times is None else times.median,
            unit="times",
            spread=None if times is None else times.spread,
            target=target,
            note=note if times is None else "",
        )


def _rates(work: Mapping[str, Work], counts: Mapping[str, int], setting: Setting) -> dict[str, Repeated]:
    seconds = interleaved(work, repetitions=setting.scaled(7, 3))
    return {name: each.rate(counts[name]) for name, each in seconds.items()}


def _size(model: Model[Any]) -> Size:
    options = model.recipe.backbone.options
    space = model.encoder.space
    return Size(
        # With the token that begins a row, which has an embedding too.
        vocabulary=space.vocab_size + 1,  # type: ignore[union-attr]
        length=space.size,
        width=options["width"],
        depth=options["depth"],
        heads=options["heads"],
        kept=options["heads"] // options.get("shared", 1),
    )


def _transformers(size: Size, dtype: torch.dtype, *, length: int) -> tuple[dict[str, Work], str]:
    try:
        return {
            "GPT-2": gpt2(size, rows=_ROWS, length=length, dtype=dtype),
            "Llama": llama(size, rows=_ROWS, length=length, dtype=dtype),
        }, ""
    except ImportError as error:
        return {}, f"transformers is not installed ({error}): pip install -r benchmarks/requirements.txt."


def _unstopped(model: Model[Any], dtype: torch.dtype) -> Work:
    """Return what draws rows of full length from the model's weights."""
    reading = _Unstopped(copy.deepcopy(model.family).to(dtype).reading())  # type: ignore[arg-type]
    noise = Noise(0, torch.arange(_ROWS))
    condition = Condition.none(_ROWS, scalars=len(model.conditions.scalars), labels=len(model.conditions.labels))
    return lambda: Temperature().sample(reading, noise, condition, rows=_ROWS)


@final
@dataclass(frozen=True)
class _Unstopped:
    """A reading whose rows all have full length."""

    inner: NextToken

    @property
    def start(self) -> int:
        return self.inner.start

    @property
    def stop(self) -> None:
        return None

    @property
    def length(self) -> int:
        return self.inner.length

    def open(self, condition: Condition) -> Stream:
        return self.inner.open(condition)
