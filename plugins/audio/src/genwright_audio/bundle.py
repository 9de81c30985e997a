"""Folders with a network: weights.safetensors, and card.json, which says how the network is made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, final

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn

from genwright.errors import CheckpointError, GenwrightError, OptionError, UnknownName
from genwright.files import replaced

__all__ = ["CARD", "Bundle", "kept", "located", "named", "read", "write"]

_WEIGHTS = "weights.safetensors"
CARD = "card.json"
"""The file of what a network was trained on, how well it does, and how it is made; only the last decides anything."""

N = TypeVar("N", bound=nn.Module)
D = TypeVar("D", bound="_Digested")


class _Digested(Protocol):
    @property
    def digest(self) -> str: ...


@final
@dataclass(frozen=True, kw_only=True)
class Bundle(Generic[N]):
    """What a folder has.

    digest: SHA-256 of how the network is made and of its weights
    """

    network: N
    digest: str
    card: Mapping[str, Any]


def read(folder: Path, make: Callable[[Mapping[str, Any]], N], *, kind: str, again: str) -> Bundle[N]:
    """Return what is in a folder. Raises CheckpointError for one that is missing or damaged.

    make:  makes a network as a card says
    kind:  what it is, with its article
    again: what to do where it is none
    """
    try:
        weights = (folder / _WEIGHTS).read_bytes()
        card: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
        made = card["network"]
        network = make(made)
        network.load_state_dict(load(weights))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, GenwrightError) as error:
        raise CheckpointError(
            f"{kind} is a folder with {_WEIGHTS} and {CARD}; {folder} cannot be read as one: "
            f"{str(error).splitlines()[-1].strip()}. {again}"
        ) from error
    network.eval().requires_grad_(False)
    return Bundle(network=network, digest=_digest(made, weights), card=card)


def write(folder: Path, network: nn.Module, made: Mapping[str, Any], *, card: Mapping[str, Any]) -> None:
    """Write a network to a new folder, with its weights in half precision, whole or not at all.

    made: what `read` is to make it of

    Raises DataError for a folder that exists or cannot be made.
    """
    state = network.state_dict().items()
    weights = save(
        {name: (value.half() if value.is_floating_point() else value).cpu().contiguous() for name, value in state}
    )
    text = json.dumps({"network": made, "digest": _digest(made, weights), **card}, indent=2, sort_keys=True)
    with replaced(folder, force=False) as unfinished:
        unfinished.mkdir()
        (unfinished / _WEIGHTS).write_bytes(weights)
        (unfinished / CARD).write_text(text + "\n", encoding="utf-8")


def named(folder: Path) -> dict[str, Mapping[str, Any]]:
    """Return the names of the networks that lie in a folder, each in one of its name, and how each is made."""
    if not folder.is_dir():
        return {}
    return {each.name: _made(each / CARD) for each in sorted(folder.iterdir()) if (each / CARD).is_file()}


def located(name: str, shipped: Path, *, kind: str, others: Sequence[str] = ()) -> Path:
    """Return the folder of a network: one in `shipped` by its name, or another by its whole path.

    others: further names that a user could have meant

    Raises UnknownName if there is none, OptionError for a path that is right from one working directory alone.
    """
    if name in named(shipped):
        return shipped / name
    if not (Path(name) / CARD).is_file():
        raise UnknownName(kind, name, [*named(shipped), *others], advice="Or give the whole path of the folder of one.")
    if not Path(name).is_absolute():
        raise OptionError(
            f"the folder of a {kind} is named by its whole path, for a model to find it from every folder; got "
            f"{name!r}. Name it {str(Path(name).resolve())!r}."
        )
    return Path(name)


def kept(find: Callable[[str], D], name: str, digest: str, *, why: str) -> D:
    """Return what is found by a name, which is still that of this digest.

    why: what to say of a model that needs it

    Raises CheckpointError if it is not on this machine, or another by now.
    """
    try:
        found = find(name)
    except (UnknownName, OptionError, CheckpointError) as error:
        raise CheckpointError(f"{why}: {error}") from error
    if found.digest != digest:
        raise CheckpointError(
            f"{why}, which is {name!r} of the digest {digest[:12] or 'none'}; installed under this name is "
            f"{found.digest[:12] or 'none'}. "
            "Install the version of genwright-audio that the model was made with, or train it again."
        )
    return found


@lru_cache(maxsize=32)
def _made(card: Path) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(card.read_text(encoding="utf-8"))["network"]
    return found


def _digest(made: Mapping[str, Any], weights: bytes) -> str:
    return hashlib.sha256(json.dumps(made, sort_keys=True).encode() + weights).hexdigest()
