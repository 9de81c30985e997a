"""A recipe: all that decides a model, as plain data."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from genwright.errors import RecipeError, UnknownName, shown

__all__ = ["Component", "Recipe", "use"]


@dataclass(frozen=True)
class Component:
    """The name of a component, with the options to make it with."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, data: Any) -> Component:
        """Return the component that plain data describe: a name, or a table with a name and options."""
        if isinstance(data, Component):
            return data
        if isinstance(data, str):
            return cls(data)
        if not isinstance(data, Mapping) or not isinstance(data.get("name"), str):
            raise RecipeError(f"a component is a name, or a table with a name and options; got {data!r}.")
        return cls(data["name"], {key: value for key, value in data.items() if key != "name"})

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `read` undoes."""
        parts = {name: v.to_json() if isinstance(v, Component) else v for name, v in self.options.items()}
        return {"name": self.name, **parts}


def use(name: str, **options: Any) -> Component:
    """Return the component of this name with these options, as in use("heun", steps=18)."""
    return Component(name, options)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that decides a model's weights, and how it is drawn from unless asked otherwise. Its digest is its name.

    domain:      the domain's name
    data:        a named data set, or the path of a file or folder
    data_sha256: what `datasets.digest` gives of it; "" for whatever it holds, which training then fills in
    encoder, family, backbone: components; the encoder may be None for the domain's default
    sampler:     how samples are drawn where none is asked for; None for what suits the encoder and the family
    start:       a model whose weights training starts from, by name, folder or digest, in whose place training puts the
                 digest; "" for random ones
    conditions:  names of the domain's conditions that the model learns to follow
    drop:        the share of examples trained without any condition; of the others, each forgets a random share of its
                 own
    steps:       optimiser steps
    batch_size:  examples a step; `accumulate` splits a step into that many passes
    optimizer:   "adamw" or "muon" (matrices by Muon, the rest by AdamW)
    learning_rate, weight_decay, warmup (steps), decay (the last share of steps, in which the rate falls to zero)
    clip:        the largest norm of the gradient
    average:     the decay of the exponential moving average of the weights, 0 for none
    held_out:    the share of the data kept for the validation loss
    precision:   "float32", "bfloat16", or "auto" for whichever is faster on the device
    compile:     whether torch compiles the networks for training: a minute more at the start, a quarter to a half
                 less time a step; needs a C++ compiler on a CPU
    seed:        of the weights, the order of the data and every other draw
    """

    domain: str
    data: str
    family: Component
    backbone: Component
    data_sha256: str = ""
    encoder: Component | None = None
    sampler: Component | None = None
    start: str = ""
    conditions: tuple[str, ...] = ()
    drop: float = 0.1
    steps: int = 10_000
    batch_size: int = 256
    accumulate: int = 1
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: int = 100
    decay: float = 0.5
    clip: float = 1.0
    average: float = 0.999
    held_out: float = 0.01
    precision: str = "auto"
    compile: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self)

    @property
    def digest(self) -> str:
        """The SHA-256 of the recipe's canonical JSON, in hexadecimal."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return plain data from which `from_json` makes an equal recipe."""
        data = asdict(self)
        for name in _PARTS:
            component = getattr(self, name)
            data[name] = component and component.to_json()
        # 1 and 1.0 are one recipe, so they must have one digest.
        data |= {name: float(data[name]) for name in _LIMITS if _type(name) is float}
        # Recipes from before there were these fields keep their digests.
        for name in ("data_sha256", "sampler"):
            if not data[name]:
                del data[name]
        return data | {"conditions": list(self.conditions)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Recipe:
        """Return the recipe that plain data describe. Raises RecipeError, or UnknownName for a field that is none."""
        known = [field.name for field in fields(cls)]
        for name in data:
            if name not in known:
                raise UnknownName("field of a recipe", name, known)
        missing = [name for name in ("domain", "data", "family", "backbone") if name not in data]
        if missing:
            raise RecipeError(f"a recipe needs domain, data, family and backbone; {', '.join(missing)} is missing.")
        given = {name: Component.read(data[name]) for name in _PARTS if data.get(name) is not None}
        conditions = data.get("conditions", ())
        if isinstance(conditions, list):
            conditions = tuple(conditions)
        return cls(**{**data, **given, "conditions": conditions})

    @classmethod
    def read(cls, path: Path | str) -> Recipe:
        """Return the recipe in a TOML file. Raises RecipeError if it is none."""
        try:
            return cls.from_json(tomllib.loads(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise RecipeError(f"a recipe is a TOML file; {path} cannot be read: {error.strerror}.") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise RecipeError(f"a recipe is a TOML file; {path} is not: {error}.") from error


_PARTS = ("encoder", "family", "backbone", "sampler")
_LIMITS: Mapping[str, tuple[float, float]] = {
    "drop": (0, 1),
    "steps": (1, 1e9),
    "batch_size": (1, 1e6),
    "accumulate": (1, 1e6),
    "learning_rate": (0, 10),
    "weight_decay": (0, 10),
    "warmup": (0, 1e9),
    "decay": (0, 1),
    "clip": (0, 1e6),
    "average": (0, 0.999999),
    "held_out": (0, 0.5),
    "seed": (0, 2**64 - 1),
}
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "optimizer": ("adamw", "muon"),
    "precision": ("auto", "float32", "bfloat16"),
}


def _type(name: str) -> type:
    return type(Recipe.__dataclass_fields__[name].default)


def _check(recipe: Recipe) -> None:
    _check_parts(recipe)
    for name, (low, high) in _LIMITS.items():
        value, wanted = getattr(recipe, name), _type(name)
        if isinstance(value, bool) or not isinstance(value, int if wanted is int else int | float):
            raise RecipeError(f"a recipe's {name} is of type {wanted.__name__}; got {value!r}.")
        if not low <= value <= high:
            raise RecipeError(f"a recipe's {name} is from {low:g} to {high:g}; got {value!r}.")
    for name, choices in _CHOICES.items():
        if getattr(recipe, name) not in choices:
            raise UnknownName(f"value of a recipe's {name}", str(getattr(recipe, name)), choices)
    if not isinstance(recipe.compile, bool):
        raise RecipeError(f"a recipe's compile is true or false; got {recipe.compile!r}.")
    if recipe.batch_size % recipe.accumulate:
        raise RecipeError(
            f"a recipe's batch_size is a multiple of accumulate; got {recipe.batch_size} and {recipe.accumulate}."
        )


def _check_parts(recipe: Recipe) -> None:
    for name in ("domain", "data", "data_sha256", "start"):
        if not isinstance(getattr(recipe, name), str):
            raise RecipeError(f"a recipe's {name} is text; got {getattr(recipe, name)!r}. Write its name.")
    for name in _PARTS:
        part = getattr(recipe, name)
        if not isinstance(part, Component) and not (name in ("encoder", "sampler") and part is None):
            raise RecipeError(f"a recipe's {name} is a component; got {part!r}. Write it as use(NAME, OPTION=VALUE).")
        if part is not None:
            _check_plain(name, part)
    names = recipe.conditions
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        raise RecipeError(f"a recipe's conditions are several names; got {names!r}. Write them as a list.")
    if len(set(names)) < len(names):
        raise RecipeError(f"a recipe's conditions are named once each; got {', '.join(names)}. Remove the repeated.")


def _check_plain(name: str, part: Component) -> None:
    try:
        json.dumps(part.to_json(), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise RecipeError(
            f"the options of a recipe's {name} are finite numbers, text, truth values and lists of them; "
            f"got {shown(dict(part.options))}. Write them so."
        ) from error
