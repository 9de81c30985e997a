"""Rhythms as tokens, one a pulse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import ConditionError, DataError
from genwright.seeds import Noise
from genwright.space import Tokens
from genwright_rhythms.domain import LONGEST, REST, STROKE, flaw

__all__ = ["Pulses"]

_STOP = 0
_PULSES = (REST, STROKE)


class Pulses(Encoder[str]):
    """A token for each pulse: 0 ends the rhythm, 1 is a rest, 2 a stroke.

    rotate: whether an example is begun at any of its strokes in training, since a rhythm is a cycle
    """

    def __init__(self, *, rotate: bool = True) -> None:
        self.rotate = rotate

    @property
    def space(self) -> Tokens:
        """Up to 16 tokens of three."""
        return Tokens(vocab_size=1 + len(_PULSES), shape=(LONGEST,), stop=_STOP)

    @property
    def augments(self) -> bool:
        """Whether examples are rotated."""
        return self.rotate

    def fit(self, items: Sequence[str]) -> None:
        """Learn nothing: the alphabet is fixed."""

    def state(self) -> Mapping[str, Any]:
        """Return that nothing was learned."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back nothing."""

    def encode(self, items: Sequence[str], *, noise: Noise | None = None) -> Tensor:
        """Return tokens, [B, 16]."""
        for item in items:
            trouble = flaw(item)
            if trouble is not None:
                raise DataError(f"the rhythm {item!r} has no tokens: {trouble} Leave it out.")
        if noise is not None and self.rotate:
            turns = noise.uniform("rotate", 0, 1)[:, 0].tolist()
            items = [_begun_at_a_stroke(item, turn) for item, turn in zip(items, turns, strict=True)]
        rows = [_tokens(item) + [_STOP] * (LONGEST - len(item)) for item in items]
        return torch.tensor(rows, dtype=torch.int64)

    def decode(self, tensors: Tensor) -> list[str]:
        """Return the pulses of each row up to its first stop."""
        return [_text(row) for row in tensors.tolist()]

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Return the one cut of the pulses that a rhythm is to start with."""
        if len(text) > LONGEST or set(text) - set(_PULSES):
            raise ConditionError(
                f"a rhythm starts with up to {LONGEST} pulses, each {STROKE!r} or {REST!r}; got {text!r}. Write such."
            )
        return [_tokens(text)]


def _begun_at_a_stroke(item: str, turn: float) -> str:
    strokes = [position for position, pulse in enumerate(item) if pulse == STROKE]
    start = strokes[int(turn * len(strokes))]
    return item[start:] + item[:start]


def _tokens(item: str) -> list[int]:
    return [1 + _PULSES.index(pulse) for pulse in item]


def _text(row: list[int]) -> str:
    end = row.index(_STOP) if _STOP in row else len(row)
    return "".join(_PULSES[token - 1] for token in row[:end])
