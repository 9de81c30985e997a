"""An encoder and a family with weights, ready to train or to generate."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast, final

import numpy as np
import torch
from torch import Tensor, nn

from genwright import contours
from genwright.checkpoint import Checkpoint
from genwright.domain import Domain, Offer, Prefix
from genwright.encoder import Encoder
from genwright.errors import CheckpointError, ConditionError, OptionError, RecipeError, UnknownName
from genwright.family import Family
from genwright.options import make
from genwright.readings import Condition, Reading
from genwright.recipe import Component, Recipe
from genwright.registry import Registry
from genwright.seeds import seeded_torch
from genwright.space import WORDS, ConditionSpace

__all__ = ["Model", "checked_device", "halved", "load_weights", "new_encoder"]

Item = TypeVar("Item")

_FAR = 5
"""How many deviations from the mean of the training data a number may be asked for without a warning."""


@final
@dataclass(frozen=True, kw_only=True)
class Model(Generic[Item]):
    """A domain's encoder and a family's networks, made by a recipe.

    components: each with its version, as in "smiles@1"; another version would read the weights otherwise
    checkpoint: where the weights came from, or None for a model in training
    """

    recipe: Recipe
    components: Mapping[str, str]
    domain: Domain[Item]
    encoder: Encoder[Item]
    conditions: ConditionSpace
    family: Family
    checkpoint: Checkpoint | None = None

    @classmethod
    def new(cls, recipe: Recipe, encoder: Encoder[Item], conditions: ConditionSpace, registry: Registry) -> Model[Item]:
        """Return an untrained model with a fitted encoder; its first weights depend on the recipe's seed alone.

        Raises MismatchError for contours that its backbone does not follow.
        """
        domain = make(registry.get("domain", recipe.domain), {})
        backbone = registry.get("backbone", recipe.backbone.name)
        registry.check_contours(backbone.name, conditions.contours)

        spec = registry.get("family", recipe.family.name)
        takes_role = "role" in inspect.signature(backbone.load()).parameters

        def build(part: str, **given: Any) -> nn.Module:
            role = {"role": spec.roles[part]} if takes_role else {}
            return make(backbone, recipe.backbone.options, **given, **role)  # type: ignore[no-any-return]

        with seeded_torch(recipe.seed):
            family = make(
                spec,
                recipe.family.options,
                space=encoder.space,
                conditions=conditions,
                build=build,
            )
        return cls(
            recipe=recipe,
            components=_components(recipe, registry),
            domain=domain,
            encoder=encoder,
            conditions=conditions,
            family=family,
        )

    @classmethod
    def load(cls, checkpoint: Checkpoint | Path | str, registry: Registry, *, device: str = "cpu") -> Model[Any]:
        """Return the model of a checkpoint.

        Raises CheckpointError if weights and card do not belong together, OptionError for a device that is not here.
        """
        place = checked_device(device)
        if not isinstance(checkpoint, Checkpoint):
            checkpoint = Checkpoint.open(checkpoint)
        try:
            model = cls._described(checkpoint, registry)
        except (AttributeError, KeyError, TypeError, ValueError, RecipeError) as error:
            raise CheckpointError(
                f"the card in {checkpoint.folder} should describe a model; it cannot be read as one: {error!r}. "
                "Copy or download the checkpoint again."
            ) from error
        load_weights(model.family, checkpoint)
        model.family.to(place).eval().requires_grad_(False)
        return cls(**{**vars(model), "checkpoint": checkpoint})

    @classmethod
    def _described(cls, checkpoint: Checkpoint, registry: Registry) -> Model[Any]:
        """Return the model that a card describes, without its weights."""
        card = checkpoint.card
        recipe = Recipe.from_json(card["recipe"])
        if recipe.encoder is None or recipe.domain != checkpoint.domain:
            raise ValueError(f"its recipe is of {recipe.domain} with the encoder {recipe.encoder}")
        _check_components(checkpoint, _components(recipe, registry))
        encoder = new_encoder(recipe, registry)
        encoder.restore(card["encoder"])
        return cls.new(recipe, encoder, ConditionSpace.from_json(card["conditions"]), registry)

    def save(self, folder: Path | str, *, name: str, training: Mapping[str, Any]) -> Checkpoint:
        """Write the model as a checkpoint with its weights in half precision, and return that."""
        weights = halved(self.family)
        card = {
            "name": name,
            "domain": self.domain.name,
            "recipe": self.recipe.to_json(),
            "components": dict(self.components),
            "encoder": self.encoder.state(),
            "conditions": self.conditions.to_json(),
            "parameters": sum(value.numel() for value in weights.values()),
            "training": training,
        }
        return Checkpoint.save(folder, weights, card)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.family.parameters(), torch.empty(0)).device

    def reading(self) -> Reading:
        """Return what a sampler may ask of the model."""
        return self.family.reading()

    def asked(self, where: Mapping[str, Any]) -> dict[str, float | str | list[float]]:
        """Return what is asked for, checked, as plain data.

        Raises UnknownName if the domain does not offer it, ConditionError if the model did not learn it, or it is of
        the wrong type, out of range, or more than the encoder has room for.
        """
        offers = self.domain.conditions
        for name in where:
            if name not in offers:
                raise UnknownName(f"condition of {self.domain.name}", name, offers)
        asked = {name: offers[name].check(name, value) for name, value in where.items()}
        for name, value in asked.items():
            self._check_learned(name, offers[name], value)
        self.encoder.check_room(contours.without(asked))
        return asked

    def condition(self, where: Mapping[str, Any]) -> Condition:
        """Return what is asked for as tensors, a row for each cut of the prefix, or one row without a prefix.

        Warns of what is far from what the model learned.

        Raises as `asked` and the encoder's `prefix` do, and ConditionError where the model never learned to go without
        what is left out.
        """
        asked, offers = self.asked(where), self.domain.conditions
        self._check_complete(asked)
        self._warn_of_far(asked)
        self._warn_of_unread(asked)
        cuts: Sequence[Sequence[int]] = [()]
        for name, value in asked.items():
            if isinstance(offers[name], Prefix):
                cuts = self.encoder.prefix(str(value))
        scalars = [float(cast(float, asked.get(name, torch.nan))) for name in self.conditions.scalars]
        labels = [
            values.index(str(asked[name])) if name in asked else -1 for name, values in self.conditions.labels.items()
        ]
        for name in self.conditions.texts:
            labels += self.conditions.words(name, str(asked.get(name, "")))
        longest = max(map(len, cuts))
        return Condition(
            scalars=torch.tensor([scalars] * len(cuts)),
            labels=torch.tensor([labels] * len(cuts), dtype=torch.int64),
            prefix=torch.tensor([[*cut, *[-1] * (longest - len(cut))] for cut in cuts], dtype=torch.int64),
            contours=self._laid(asked, rows=len(cuts)),
        )

    def _laid(self, asked: Mapping[str, Any], *, rows: int) -> Tensor | None:
        if not self.conditions.contours:
            return None
        followed = [name for name in self.conditions.contours if name in asked]
        series = {name: [np.array(asked[name], dtype=np.float64)] * rows for name in followed}
        return contours.laid(series, self.conditions, count=self.conditions.values(self.encoder.space), rows=rows)

    def _warn_of_unread(self, asked: Mapping[str, Any]) -> None:
        for name in self.conditions.texts:
            if unread := self.conditions.unread(name, str(asked.get(name, ""))):
                warnings.warn(
                    f"condition {name!r} is read up to {WORDS} words that the model learned; not read: "
                    f"{', '.join(unread)}. Use other words.",
                    stacklevel=3,
                )

    def _check_complete(self, asked: Mapping[str, Any]) -> None:
        missing = [name for name in self.conditions.names if name not in asked]
        if missing and not self.recipe.drop:
            raise ConditionError(
                f"a model trained with drop=0 knows nothing of samples with nothing asked, so each of its conditions "
                f"is asked for: {', '.join(self.conditions.names)}; {', '.join(missing)} is missing. "
                f"Ask for it, as in --where {missing[0]}=VALUE, or train the model with drop=0.1."
            )

    def _warn_of_far(self, asked: Mapping[str, Any]) -> None:
        for name, (mean, deviation) in (*self.conditions.scalars.items(), *self.conditions.contours.items()):
            values = asked.get(name, mean)
            farthest = max(values if isinstance(values, list) else [values], key=lambda value: abs(value - mean))
            if abs(farthest - mean) > _FAR * deviation:
                warnings.warn(
                    f"condition {name!r} asks for {farthest:g}; this model learned {mean:.3g} ± {deviation:.2g}, so "
                    f"expect samples that are poor or miss it. Ask for {mean - _FAR * deviation:.3g} to "
                    f"{mean + _FAR * deviation:.3g}.",
                    stacklevel=3,
                )

    def _check_learned(self, name: str, offer: Offer, value: object) -> None:
        learned = self.conditions.names
        if name in self.conditions.labels and value not in self.conditions.labels[name]:
            raise UnknownName(f"{name} that this model learned", str(value), self.conditions.labels[name])
        if name in self.conditions.texts and max(self.conditions.words(name, str(value))) < 0:
            raise ConditionError(
                f"condition {name!r} takes words that the model's training data have; got {value!r}, of which they "
                f"have none. They have {len(self.conditions.texts[name]):,}, such as "
                f"{', '.join(self.conditions.texts[name][:8])}."
            )
        if name in self.conditions.contours and isinstance(value, list):
            self._check_short(name, value)
        if name not in learned and not isinstance(offer, Prefix):
            raise ConditionError(
                f"condition {name!r} is offered by {self.domain.name}, but this model learned "
                f"{', '.join(learned) or 'none'}. Train one with conditions = [{name!r}]."
            )

    def _check_short(self, name: str, values: Sequence[object]) -> None:
        most = self.conditions.values(self.encoder.space)
        if len(values) > most:
            raise ConditionError(
                f"condition {name!r} takes up to {most:,} numbers of this model, whose longest sample has no more; got "
                f"{len(values):,}. Shorten it."
            )


def new_encoder(recipe: Recipe, registry: Registry) -> Encoder[Any]:
    """Return the recipe's encoder, or the domain's default, neither fitted nor restored.

    One that wraps another model is given the registry and the domain's name, to find and check that model by.
    """
    component = recipe.encoder or Component(registry.get("domain", recipe.domain).encoder)
    spec = registry.get("encoder", component.name)
    parameters = inspect.signature(spec.load()).parameters
    given = {name: value for name, value in (("registry", registry), ("domain", recipe.domain)) if name in parameters}
    return make(spec, component.options, **given)  # type: ignore[no-any-return]


def checked_device(name: str) -> torch.device:
    """Return the device of this name. Raises OptionError for one on which this machine computes nothing."""
    try:
        tensor = torch.zeros(1, device=name)
        tensor.item()
    except (AssertionError, RuntimeError) as error:
        reason = str(error).partition("\n")[0].rstrip(". ")
        raise OptionError(
            f"a device is one that this machine has, such as cpu; got {name!r}: {reason}. Try: cpu."
        ) from error
    return tensor.device


def halved(family: Family) -> dict[str, Tensor]:
    """Return a family's weights as checkpoints keep them: in half precision, but for those too large for it."""
    return {name: _halved(value.detach()) for name, value in family.state_dict().items()}


def _halved(value: Tensor) -> Tensor:
    if not value.is_floating_point():
        return value
    half = value.half()
    return half if torch.equal(half.isfinite(), value.isfinite()) else value


def _components(recipe: Recipe, registry: Registry) -> dict[str, str]:
    encoder = recipe.encoder or Component(registry.get("domain", recipe.domain).encoder)
    named = {"encoder": encoder, "family": recipe.family, "backbone": recipe.backbone}
    return {kind: registry.get(kind, component.name).label for kind, component in named.items()}


def _check_components(checkpoint: Checkpoint, present: Mapping[str, str]) -> None:
    for kind, label in checkpoint.card.get("components", {}).items():
        if present.get(kind) != label:
            raise CheckpointError(
                f"the model in {checkpoint.folder} was made with {kind} {label}; installed is {present.get(kind)}, "
                "which would read it otherwise. Install the plugins it was made with, or train it again."
            )


def load_weights(family: Family, checkpoint: Checkpoint) -> None:
    """Give a family the weights of a checkpoint. Raises CheckpointError if they do not fit its networks."""
    try:
        family.load_state_dict(checkpoint.weights())
    except RuntimeError as error:
        raise CheckpointError(
            f"the weights in {checkpoint.folder} should fit the networks that its card describes; they do not: "
            f"{str(error).splitlines()[-1].strip()} Copy or download the checkpoint again."
        ) from error
