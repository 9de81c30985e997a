"""What models with latents make of items: encoding them, decoding latents, and what lies between two items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Shaped
from torch import Tensor

from genwright.errors import MismatchError, OptionError, ShapeError
from genwright.generation import ROWS
from genwright.items import empty, encoded_items, known_condition
from genwright.model import Model
from genwright.readings import Condition, Decoder
from genwright.rows import TILE, by_rows
from genwright.samplers.latent import Prior, spherical
from genwright.seeds import Noise
from genwright.space import Continuous, SampleSpace

__all__ = [
    "Representing",
    "between_samples",
    "decoded",
    "decoded_tensors",
    "encoded",
    "encoded_tensors",
    "interpolated",
    "representing",
]

Item = TypeVar("Item")


@runtime_checkable
class Representing(Protocol):
    """A family that gives items latents, and latents items: VAE and VQ-VAE."""

    @property
    def latents(self) -> SampleSpace:
        """The space of what `encode` gives."""

    def encode(self, x: Shaped[Tensor, " B *shape"], condition: Condition) -> Shaped[Tensor, " B *latent"]:
        """Return the latent of each row, without chance."""

    def decode(self, latents: Shaped[Tensor, " B *latent"], condition: Condition) -> Shaped[Tensor, " B *shape"]:
        """Return what each latent stands for."""


def representing(model: Model[Any]) -> Representing:
    """Return the model's family as one that gives items latents. Raises MismatchError if it is none."""
    if not isinstance(model.family, Representing):
        raise MismatchError(
            f"latents of items are given by models of the families vae and vqvae; this one is of the family "
            f"{model.recipe.family.name!r}. Choose another model, or train such a one."
        )
    return model.family


def encoded(
    model: Model[Item], items: Sequence[Item], *, where: Mapping[str, Any] | None = None
) -> Shaped[Tensor, " B *latent"]:
    """Return the latents of items; of none, no row.

    Raises MismatchError for a model without, DataError for an item that it cannot take, OptionError for what is no item
    of its domain, ConditionError for a start.
    """
    representing(model)
    return encoded_tensors(model, encoded_items(model.encoder, items), where=where)


def decoded(
    model: Model[Item], latents: Shaped[Tensor, " B *latent"], *, where: Mapping[str, Any] | None = None
) -> list[Item]:
    """Return the items of latents; of none, none.

    Raises MismatchError for a model without, ShapeError for any of another shape, ConditionError for a start.
    """
    shape = representing(model).latents.shape
    if latents.shape[1:] != shape:
        raise ShapeError(
            f"the latents of this model are [B, {', '.join(map(str, shape))}]; got {list(latents.shape)}. "
            "Give latents that it encoded."
        )
    found = decoded_tensors(model, latents, where=where)
    return model.encoder.decode(found.cpu()) if len(found) else []


def interpolated(
    model: Model[Item], a: Item, b: Item, steps: int, *, where: Mapping[str, Any] | None = None
) -> list[Item]:
    """Return items from one to another by equal steps along the arc between their latents.

    The first and last are the two as the model decodes them. Raises MismatchError for a model without latents of
    numbers.
    """
    if not isinstance(representing(model).latents, Continuous):
        raise MismatchError(
            f"between two items lie latents of numbers; those of the family {model.recipe.family.name!r} are tokens. "
            "Choose a model of the family vae."
        )
    start, end = encoded(model, [a, b], where=where)
    return decoded(model, spherical(start, end, steps), where=where)


@torch.no_grad()
def between_samples(
    model: Model[Item], first: int, second: int, steps: int, *, where: Mapping[str, Any] | None = None, seed: int = 0
) -> list[Item]:
    """Return items from one sample of a seed to another by equal steps along the arc between their latents.

    Both are as `prior` draws them for these conditions. Raises MismatchError for a model that does not draw from
    latents, OptionError for fewer than two steps.
    """
    if min(first, second) < 0:
        raise OptionError(f"samples are numbered from 0; got {first} and {second}. Choose others.")
    reading, device = model.reading(), str(model.device)
    if not isinstance(reading, Decoder):
        raise MismatchError(
            f"between two samples lie latents where a sample is one call of a VAE or GAN; this model is of the family "
            f"{model.recipe.family.name!r}. Choose another model, or two items and a VAE."
        )
    start, end = Prior().latents(reading, Noise(seed, torch.tensor([first, second]))).to(device)
    latents, condition = spherical(start, end, steps), known_condition(model, where or {}).to(device).expand(steps)
    found = by_rows(lambda places: reading.decode(latents[places], condition[places]), steps, rows=ROWS, device=device)
    return model.encoder.decode(found.cpu())


@torch.no_grad()
def encoded_tensors(
    model: Model[Any], x: Shaped[Tensor, " B *shape"], *, where: Mapping[str, Any] | None = None
) -> Shaped[Tensor, " B *latent"]:
    """Return the latents of encoded items."""
    family = representing(model)
    return _mapped(model, family.encode, x, where, family.latents)


@torch.no_grad()
def decoded_tensors(
    model: Model[Any], latents: Shaped[Tensor, " B *latent"], *, where: Mapping[str, Any] | None = None
) -> Shaped[Tensor, " B *shape"]:
    """Return the tensors of latents, which the model's encoder decodes to items."""
    family = representing(model)
    return _mapped(model, family.decode, latents, where, model.encoder.space)


def _mapped(
    model: Model[Any], call: Any, tensors: Tensor, where: Mapping[str, Any] | None, into: SampleSpace
) -> Tensor:
    device = next(model.family.parameters()).device
    given, condition = tensors.to(device), known_condition(model, where or {}).to(device).expand(TILE)
    if not len(given):
        return empty(into).to(device)
    return by_rows(lambda places: call(given[places], condition), len(given), rows=TILE, device=str(device))
