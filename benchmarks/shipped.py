"""The models and the data that a section measures, as far as they are on this machine."""

from __future__ import annotations

from itertools import islice
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


def model(name: str, *, data: str | None = None) -> Model[Any]:
    """Return a model. Raises Missing if there is none, or it was trained on other data than those named, if any are."""
    try:
        found: Model[Any] = Model.load(library.find(name, registry()), registry())
    except UnknownName as error:
        raise Missing("There is no such model yet.") from error
    if data is not None and found.recipe.data != data:
        raise Missing(f"It was trained on {found.recipe.data}, and this is of models of {data}.")
    return found


def items(data: str, *, most: int | None = None) -> list[Any]:
    """Return the first items of a data set, or all, without fetching it. Raises Missing if it is not here."""
    spec = registry().get("dataset", data)
    path = find(spec)
    if path is None:
        raise Missing(f"data set {data!r} is not on this machine: set {MIRROR} to a folder that holds it.")
    return list(islice(spec.load()(path), most))
