"""Which tokens may be drawn, and how sharply."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from genwright.errors import OptionError

__all__ = ["Rule", "usable"]

_LEAST = 0.001
_GREEDY = "For the likeliest token each time, use the sampler 'greedy'."


@final
@dataclass(frozen=True, kw_only=True)
class Rule:
    """Which tokens may be drawn, and how sharply; what is None leaves no token out.

    temperature: what logits are divided by, 0.001 or more: 1 for the model's probabilities, below it sharper
    least:       of tokens, those at least so many times as likely as the likeliest, judged at temperature 1
    k:           of these, the k likeliest, with the ties of the last of them
    p:           of these, the fewest likeliest that reach this probability at the temperature; 1 for all

    Raises OptionError for numbers out of range.
    """

    temperature: float = 1.0
    least: float | None = None
    k: int | None = None
    p: float | None = None

    def __post_init__(self) -> None:
        usable("temperature", self.temperature)
        if self.k is not None and self.k < 1:
            raise OptionError(f"top-k takes k of 1 or more; got {self.k}. For all, use the sampler 'temperature'.")
        for share in (self.least, self.p):
            if share is not None and not 0 < share <= 1:
                raise OptionError(f"p is above 0 and at most 1; got {share}. Try p=0.95 of top-p, or 0.05 of min-p.")


def usable(name: str, value: float, advice: str = _GREEDY) -> float:
    """Return what logits are divided by. Raises OptionError where it is too little for that."""
    # Below, logits divided by it outgrow the noise that is added to them, or become infinite.
    if not _LEAST <= value < math.inf:
        raise OptionError(f"{name} is {_LEAST} or more; got {value}. {advice}")
    return value
