"""Numbers for each moment of an item, laid along the places of the space in which a model works."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from numpy import ndarray
from torch import Tensor

from genwright.domain import Contour, Domain
from genwright.encoder import Encoder
from genwright.errors import MismatchError, RecipeError
from genwright.space import ConditionSpace

__all__ = ["Series", "laid", "places", "scale", "without"]

Series = Sequence[Float64[ndarray, " _"] | None]
"""What each of some items has of a contour; None where nothing can be said."""


def places(domain: Domain[Any], encoder: Encoder[Any], names: Sequence[str]) -> float:
    """Return how many places of an encoder's space a value of these contours stands for; 0 for no contour.

    Raises MismatchError where places are no moments, RecipeError for contours of unequal rates.
    """
    rates = {name: offer.rate for name in names if isinstance(offer := domain.conditions[name], Contour)}
    if not rates:
        return 0.0
    if len(set(rates.values())) > 1:
        raise RecipeError(
            "the contours of one model have as many values a second; got "
            f"{', '.join(f'{name} with {rate:g}' for name, rate in rates.items())}. Choose some of one rate."
        )
    if not encoder.pace:
        raise MismatchError(
            f"what follows {' and '.join(rates)} has a place for each moment; the places of what the encoder "
            f"{type(encoder).__name__} gives are none. Choose another, such as 'mu-law' for sounds."
        )
    return encoder.pace / rates[names[0]]


def scale(series: Series, kept: Any) -> tuple[float, float]:
    """Return the mean and the deviation of all values of the series that are kept; 0 and 1 where there is none."""
    known = [one for one, stays in zip(series, kept, strict=True) if stays and one is not None]
    every = np.concatenate(known) if known else np.zeros(0)
    return (float(every.mean()), float(every.std()) or 1.0) if len(every) else (0.0, 1.0)


def laid(series: Mapping[str, Series], space: ConditionSpace, *, count: int, rows: int) -> Tensor | None:
    """Return what each of so many rows has of a space's contours, [rows, C, count], or None where the space has none.

    A series is infinite after its end, and cut after `count` values; one that is missing is NaN.
    """
    if not space.contours:
        return None
    found = torch.full((rows, len(space.contours), count), torch.nan)
    for column, name in enumerate(space.contours):
        for row, one in enumerate(series.get(name, ())):
            if one is not None:
                found[row, column] = torch.inf
                found[row, column, : len(one)] = torch.from_numpy(one[:count])
    return found


def without(asked: Mapping[str, float | str | list[float]]) -> dict[str, float | str]:
    """Return what is asked for of a sample as a whole."""
    return {name: value for name, value in asked.items() if not isinstance(value, list)}
