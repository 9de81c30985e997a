"""Items that a model is given: their tensors, and what they are known to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from genwright.domain import Prefix
from genwright.encoder import Encoder
from genwright.errors import ConditionError, DataError, OptionError, shown
from genwright.model import Model
from genwright.readings import Condition
from genwright.space import SampleSpace, Tokens

__all__ = ["empty", "encoded_item", "encoded_items", "flaws", "known_condition", "taken"]


def encoded_item(encoder: Encoder[Any], item: Any) -> Shaped[Tensor, "*shape"]:
    """Return the tensor of an item. Raises DataError for one that has none, OptionError for what is no item."""
    try:
        return encoder.encode([item])[0]
    except (AttributeError, TypeError, ValueError) as error:
        # Encoders say what is wrong with an item; of what is none, Python does.
        raise OptionError(
            f"what a model is given is an item of the model's domain, as reading its files gives it; got "
            f"{shown(item)}, of type {type(item).__name__}. Read the item first."
        ) from error


def encoded_items(encoder: Encoder[Any], items: Sequence[Any]) -> Shaped[Tensor, " B *shape"]:
    """Return the tensors of items. Raises as `encoded_item` does, with the number of the item, counted from 0."""
    if not len(items):
        return empty(encoder.space)
    try:
        return encoder.encode(items)
    except (DataError, AttributeError, TypeError, ValueError):
        for number, item in enumerate(items):
            _check(encoder, item, number)
        raise


def _check(encoder: Encoder[Any], item: Any, number: int) -> None:
    try:
        encoded_item(encoder, item)
    except (DataError, OptionError) as error:
        kind = DataError if isinstance(error, DataError) else OptionError
        raise kind(f"item {number:,}: {error}") from error


def taken(encoder: Encoder[Any], items: Sequence[Any]) -> tuple[Tensor, list[str | None]]:
    """Return the tensors of the items that an encoder takes, and of every item why it is not taken, or None."""
    try:
        return encoder.encode(items), [None] * len(items)
    except DataError:
        pass
    found: list[Tensor] = []
    refusals: list[str | None] = []
    for item in items:
        try:
            found.append(encoder.encode([item]))
            refusals.append(None)
        except DataError as error:
            refusals.append(str(error))
    return torch.cat(found) if found else torch.empty(0), refusals


def flaws(model: Model[Any], items: Sequence[Any]) -> list[str | None]:
    """Return of every item its flaw, or why the model's encoder does not take it; None where neither is the case."""
    found = [model.domain.check(item) for item in items]
    sound = [item for item, flaw in zip(items, found, strict=True) if flaw is None]
    refusals = iter(taken(model.encoder, sound)[1])
    return [next(refusals) if flaw is None else flaw for flaw in found]


def empty(space: SampleSpace) -> Shaped[Tensor, " B *shape"]:
    """Return the tensors of no item in a space."""
    return torch.empty(0, *space.shape, dtype=torch.int64 if isinstance(space, Tokens) else torch.float32)


def known_condition(model: Model[Any], where: Mapping[str, Any]) -> Condition:
    """Return what items are known to be as one row.

    Raises ConditionError for a start, which only says where drawing begins, and otherwise as `Model.condition` does.
    """
    for name, value in where.items():
        if isinstance(model.domain.conditions.get(name), Prefix):
            raise ConditionError(
                f"what a model makes of items that are there depends on no start, since only what is drawn begins with "
                f"one; got {name}={shown(value)}. Leave {name} out."
            )
    return model.condition(where)
