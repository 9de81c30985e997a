"""A model on disk: weights.safetensors and card.json, named by the digest of both."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from genwright.errors import CheckpointError
from genwright.store import files_digest

__all__ = ["FORMAT", "Checkpoint", "check_new"]

FORMAT = 1
_WEIGHTS, _CARD = "weights.safetensors", "card.json"
_PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib")
_FIELDS = {"format": int, "name": str, "domain": str, "recipe": dict, "encoder": dict, "conditions": dict}
_OPTIONAL = {"components": dict, "parameters": int, "training": dict, "weights": str}
_AGAIN = "Copy or download the checkpoint again."
_UNSAFE = "a checkpoint is a folder with weights.safetensors and card.json; {path} is a pickle, which can run any code \
when it is read. Convert it to safetensors where you trust it."


@final
@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A folder on disk that holds a model.

    card:   plain data: format, name, domain, recipe, components, encoder state, conditions, parameters, how it was
            trained, and the SHA-256 of the weights
    files:  each file's SHA-256 and size; `digest` is the SHA-256 over both
    """

    folder: Path
    card: Mapping[str, Any]
    files: Mapping[str, tuple[str, int]]

    @property
    def digest(self) -> str:
        """The name of this very model: SHA-256 over the digests of its files."""
        return files_digest(self.files)

    @property
    def name(self) -> str:
        """The name on the card."""
        return str(self.card["name"])

    @property
    def domain(self) -> str:
        """The domain on the card."""
        return str(self.card["domain"])

    @classmethod
    def open(cls, folder: Path | str) -> Checkpoint:
        """Return the checkpoint in a folder, its files digested and its card read; the weights stay on disk.

        Raises CheckpointError if it is a pickle, or a file is missing, damaged, from a newer version or of another
        model than the card.
        """
        folder = Path(folder)
        if folder.suffix.lower() in _PICKLES:
            raise CheckpointError(_UNSAFE.format(path=folder))
        for name in (_WEIGHTS, _CARD):
            if not (folder / name).is_file():
                raise CheckpointError(_missing(folder, name))
        files = {name: _digest(folder / name) for name in (_WEIGHTS, _CARD)}
        card = _read_card(folder / _CARD)
        _check_weights(folder, card, files[_WEIGHTS][0])
        return cls(folder=folder, card=card, files=files)

    @classmethod
    def save(cls, folder: Path | str, weights: Mapping[str, Tensor], card: Mapping[str, Any]) -> Checkpoint:
        """Write a checkpoint to a new folder, whole or not at all, and return it.

        Raises CheckpointError as `check_new` does.
        """
        folder = Path(folder)
        check_new(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            save_file({name: tensor.contiguous() for name, tensor in weights.items()}, unfinished / _WEIGHTS)
            full = {"format": FORMAT, **card, "weights": _digest(unfinished / _WEIGHTS)[0]}
            text = json.dumps(full, indent=2, sort_keys=True, allow_nan=False)
            (unfinished / _CARD).write_text(text + "\n", encoding="utf-8")
            _make_durable(unfinished / _WEIGHTS, unfinished / _CARD, unfinished)
            unfinished.chmod(0o755)
            if folder.exists():
                folder.rmdir()
            os.replace(unfinished, folder)
            _make_durable(folder.parent)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        return cls.open(folder)

    def weights(self) -> dict[str, Tensor]:
        """Return the weights. Raises CheckpointError if the file is damaged or truncated."""
        try:
            return load_file(self.folder / _WEIGHTS)
        except (SafetensorError, OSError, ValueError) as error:
            raise CheckpointError(
                f"{self.folder / _WEIGHTS} should hold safetensors; it cannot be read: {error}. {_AGAIN}"
            ) from error


def check_new(folder: Path) -> None:
    """Raise CheckpointError unless a checkpoint can be written to a folder: it must not exist, or be empty."""
    if folder.is_dir() and any(folder.iterdir()):
        raise CheckpointError(f"a checkpoint is written to a new folder; {folder} is not empty. Choose another.")
    if folder.exists() and not folder.is_dir():
        raise CheckpointError(f"a checkpoint is written to a new folder; {folder} is a file. Choose another.")


def _make_durable(*paths: Path) -> None:
    """Wait until files and folders are on the disk, so that a power cut leaves the whole checkpoint or none."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _missing(folder: Path, name: str) -> str:
    if folder.is_dir():
        pickles = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICKLES)
        if pickles and name == _WEIGHTS:
            return _UNSAFE.format(path=pickles[0])
        return f"a checkpoint is a folder with weights.safetensors and card.json; {folder} has no {name}."
    return f"a checkpoint is a folder with weights.safetensors and card.json; {folder} is no folder."


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _read_card(path: Path) -> Mapping[str, Any]:
    try:
        card: Any = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} should hold JSON; got: {error}. {_AGAIN}") from error
    if not isinstance(card, dict):
        raise CheckpointError(f"{path} should be a model's card; it holds a {type(card).__name__}. {_AGAIN}")
    if missing := [name for name in _FIELDS if name not in card]:
        raise CheckpointError(f"{path} should be a model's card; it has no {', '.join(missing)}. {_AGAIN}")
    if card["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {card['format']}; this version reads {FORMAT}. "
            "Upgrade genwright-core, or export the model again."
        )
    for name, kind in (_FIELDS | _OPTIONAL).items():
        if name in card and not isinstance(card[name], kind):
            raise CheckpointError(
                f"{path} should be a model's card; its {name} is of type {type(card[name]).__name__}. {_AGAIN}"
            )
    return card


def _check_weights(folder: Path, card: Mapping[str, Any], found: str) -> None:
    """Compare the digest of the weights with that on the card; cards of before it was kept have none."""
    if card.get("weights", found) != found:
        raise CheckpointError(
            f"the weights in {folder} should have the SHA-256 {card['weights'][:12]} that its card names; they have "
            f"{found[:12]}. {_AGAIN}"
        )
