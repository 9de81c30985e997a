"""Where models are found: those of plugins, those trained here, and any folder."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from genwright.checkpoint import Checkpoint
from genwright.errors import CheckpointError, PluginError, UnknownName
from genwright.folders import data_folder
from genwright.registry import Registry
from genwright.specs import ModelSpec

__all__ = ["Opening", "find", "find_digest", "models_folder", "names"]


Opening = Callable[[], Checkpoint]
"""Opens a model. Raises CheckpointError or PluginError if it cannot be used."""


def models_folder() -> Path:
    """Return the folder of the models trained or imported here; each lies in a subfolder of its domain."""
    return data_folder() / "models"


def names(registry: Registry) -> Iterator[tuple[str, Opening, str]]:
    """Yield the name of every model, what opens it, and its origin: plugins' first, then those trained here."""
    for spec in registry.specs("model"):
        yield spec.name, partial(_opened, spec), spec.origin
    for card in sorted(models_folder().glob("*/*/card.json")):
        yield f"{card.parent.parent.name}/{card.parent.name}", partial(Checkpoint.open, card.parent), "trained here"


def find(name: str | Path, registry: Registry) -> Checkpoint:
    """Return a checkpoint by the model's name, a domain's name (its default model), a folder, or a digest.

    Of two of one name, the plugin's is found. Raises UnknownName if there is none, CheckpointError if it is damaged,
    PluginError if its plugin is.
    """
    known: dict[str, Opening] = {}
    for model, opening, _ in names(registry):
        known.setdefault(model, opening)
    known |= {spec.domain: partial(_opened, spec) for spec in registry.specs("model") if spec.default}
    if isinstance(name, str) and name in known:
        return known[name]()
    # Path.exists raises for a name that is too long for a path; os.path.exists says no.
    if os.path.exists(name) or isinstance(name, Path):
        return Checkpoint.open(name)
    if len(name) >= 8 and (found := _by_digest(name, known.values())):
        return found
    raise UnknownName("model", str(name), {*known, *_near_domains(str(name), registry)}, _advice(str(name), registry))


def find_digest(digest: str, registry: Registry, *, folder: str = "") -> Checkpoint:
    """Return the checkpoint of this digest, from the folder where it was last seen or any other that is known.

    Raises CheckpointError if it is no longer on this machine.
    """
    seen = [partial(Checkpoint.open, folder)] if folder else []
    if found := _by_digest(digest, [*seen, *(opening for _, opening, _ in names(registry))]):
        return found
    raise CheckpointError(
        f"model {digest[:12]} is needed; none of the models here is it "
        "(a model of the same name may have been replaced). Bring its folder back with: genwright models import FOLDER."
    )


def _opened(spec: ModelSpec) -> Checkpoint:
    return Checkpoint.open(spec.folder)


def _by_digest(digest: str, openings: Iterable[Opening]) -> Checkpoint | None:
    for opening in openings:
        try:
            checkpoint = opening()
        except (CheckpointError, PluginError):
            continue
        if checkpoint.digest.startswith(digest):
            return checkpoint
    return None


def _near_domains(name: str, registry: Registry) -> list[str]:
    """Return domains of about this name: one without a model is no model, but may well be what was meant."""
    domains = [spec.name for spec in registry.specs("domain") if spec.name != name]
    return difflib.get_close_matches(name[:100], domains)


def _advice(name: str, registry: Registry) -> str:
    domains = [spec.name for spec in registry.specs("domain")]
    if name in domains:
        return f"The domain {name!r} has no model yet: train one, with genwright train."
    models: list[ModelSpec] = registry.specs("model")
    if not models:
        return "No installed plugin brings a model: genwright plugins install molecules."
    return ""
