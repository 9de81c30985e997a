"""`genwright models`: list, show, import and export models."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genwright.cli.output import json_option, print_json, print_table, say
from genwright.errors import CheckpointError, PluginError, UsageError
from genwright.registry import check_model_name, registry

if TYPE_CHECKING:
    from genwright.checkpoint import Checkpoint
    from genwright.library import Opening

__all__ = ["models"]


@click.group()
def models() -> None:
    """List, show, import and export models."""


@models.command("list")
@json_option
def list_models(as_json: bool) -> int:
    """List the models that came with plugins, and those trained or imported here."""
    from genwright import library

    found = [_listed(*model) for model in library.names(registry())]
    if as_json:
        print_json(found)
    else:
        print_table(
            ("model", "parameters", "size", "digest", "origin"),
            [
                (
                    model["name"],
                    f"{model['parameters']:,}",
                    _size(model["bytes"]),
                    model["digest"][:12],
                    model["origin"],
                )
                if model["trouble"] is None
                else (model["name"], "", "", "", f"{model['origin']}; unusable: {model['trouble']}")
                for model in found
            ],
        )
    if not found:
        say("There is no model yet. Train one: genwright train --recipe FILE.")
    return 0 if found else 1


@models.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show the card of a model: what it was made of, how, and what can be asked of it."""
    from genwright import library

    checkpoint = library.find(name, registry())
    card = {key: value for key, value in checkpoint.card.items() if key != "encoder"}
    facts = {"digest": checkpoint.digest, "folder": str(checkpoint.folder), "bytes": _bytes(checkpoint), **card}
    if as_json:
        print_json(facts)
        return
    for key, value in _flat(facts):
        click.echo(f"{key}: {value}")


@models.command("import")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", help="domain/something; the name on its card if not given.")
@json_option
def import_model(folder: Path, name: str | None, as_json: bool) -> None:
    """Copy the model in FOLDER among those that are found by name."""
    from genwright import library
    from genwright.checkpoint import Checkpoint

    checkpoint = Checkpoint.open(folder)
    checkpoint.weights()
    name = checkpoint.name if name is None else name
    check_model_name(name, checkpoint.domain)
    if name in {spec.name for spec in registry().specs("model")}:
        raise UsageError(f"{name!r} is the name of a model that came with a plugin. Give another: --name.")
    target = library.models_folder() / name
    _copy(checkpoint, target)
    _tell(checkpoint, target, as_json)


@models.command()
@click.argument("name")
@click.argument("folder", type=click.Path(path_type=Path))
@json_option
def export(name: str, folder: Path, as_json: bool) -> None:
    """Copy the model NAME to a new FOLDER, to be taken elsewhere."""
    from genwright import library

    checkpoint = library.find(name, registry())
    _copy(checkpoint, folder)
    _tell(checkpoint, folder, as_json)


def _copy(checkpoint: Checkpoint, target: Path) -> None:
    """Copy a checkpoint's files to a new folder, all or nothing. Raises CheckpointError if it exists."""
    if target.exists():
        raise CheckpointError(f"a model is copied to a new folder; {target} exists. Remove it, or choose another name.")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for file in checkpoint.files:
            shutil.copyfile(checkpoint.folder / file, unfinished / file)
        unfinished.chmod(0o755)
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _tell(checkpoint: Checkpoint, folder: Path, as_json: bool) -> None:
    if as_json:
        print_json({"folder": str(folder), "digest": checkpoint.digest})
    else:
        click.echo(folder)


def _listed(name: str, opening: Opening, origin: str) -> dict[str, Any]:
    facts: dict[str, Any] = {"name": name, "origin": origin, "trouble": None}
    try:
        checkpoint = opening()
    except (CheckpointError, PluginError) as error:
        return facts | {"trouble": str(error)}
    card = checkpoint.card
    return facts | {
        "folder": str(checkpoint.folder),
        "domain": checkpoint.domain,
        "parameters": card.get("parameters", 0),
        "bytes": _bytes(checkpoint),
        "digest": checkpoint.digest,
    }


def _bytes(checkpoint: Checkpoint) -> int:
    return sum(size for _, size in checkpoint.files.values())


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _flat(data: Any, path: str = "") -> list[tuple[str, object]]:
    """Return nested plain data as dotted names with their values."""
    if not isinstance(data, dict) or not data:
        return [(path, data)]
    return [pair for key, value in data.items() for pair in _flat(value, f"{path}.{key}" if path else str(key))]
