"""The models and the data that a section measures, as far as they are on this machine."""

from __future__ import annotations

from typing import Any

from benchmarks.setting import Setting
from genwright import library
from genwright.datasets import MIRROR, find
from genwright.errors import UnknownName
from genwright.model import Model
from genwright.registry import registry

__all__ = ["Missing", "items", "model", "name"]


class Missing(Exception):
    """What a section needs is not here; the message is a note for its row."""


def name(setting: Setting, usual: str) -> str:
    """Return the name of the model to measure: the usual one, unless another is asked for."""
    return usual if setting.model == "families" else setting.model


def model(name: str, *, data: str) -> Model[Any]:
    """Return a model. Raises Missing if there is none, or it was trained on other data than those named."""
    try:
        found: Model[Any] = Model.load(library.find(name, registry()), registry())
    except UnknownName as error:
        raise Missing("There is no such model yet.") from error
    if found.recipe.data != data:
        raise Missing(f"It was trained on {found.recipe.data}, and this is of models of {data}.")
    return found


def items(data: str) -> list[Any]:
    """Return all items of a data set, without fetching it. Raises Missing if it is not on this machine."""
    spec = registry().get("dataset", data)
    path = find(spec)
    if path is None:
        raise Missing(f"data set {data!r} is not on this machine: set {MIRROR} to a folder that holds it.")
    return list(spec.load()(path))
