"""Codecs that are trained: those that come with the plugin, and others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, final

from genwright_audio import bundle
from genwright_audio.autoencoder import Autoencoder
from genwright_audio.spectrum import Frames

__all__ = ["Trained", "kept", "shipped", "trained"]

_SHIPPED = Path(__file__).parent / "codecs"
_AGAIN = "Copy it again, or train one: python -m genwright_audio.coding --help."


@final
@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network in a folder with weights.safetensors and card.json.

    name:   that of one that comes with the plugin, else the whole path of its folder
    digest: SHA-256 of all that decides what it makes
    card:   what it was trained on and how well it does; it decides nothing
    """

    name: str
    digest: str
    network: Autoencoder
    card: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path | str, *, name: str | None = None) -> Trained:
        """Return the codec in a folder. Raises CheckpointError for one that is missing or damaged."""
        found = bundle.read(Path(folder), _network, kind="a codec", again=_AGAIN)
        return cls(
            name=name or str(Path(folder).resolve()), digest=found.digest, network=found.network, card=found.card
        )

    @staticmethod
    def save(folder: Path, network: Autoencoder, *, card: Mapping[str, Any]) -> Trained:
        """Write a codec with its weights in half precision to a new folder, and return what is read from it."""
        bundle.write(folder, network, network.to_json(), card=card)
        return Trained.open(folder)


def _network(made: Mapping[str, Any]) -> Autoencoder:
    before, after = made["blocks"]
    return Autoencoder(**{**made, "frames": Frames.from_json(made["frames"]), "blocks": (before, after)})


def shipped() -> list[str]:
    """Return the names of the codecs that come with the plugin."""
    return list(bundle.named(_SHIPPED))


def trained(name: str) -> Trained:
    """Return the codec of this name or in the folder of this whole path.

    Raises UnknownName if there is none, OptionError for another path, CheckpointError if it is damaged.
    """
    folder = bundle.located(name, _SHIPPED, kind="codec")
    return _opened(folder, name) if folder.parent == _SHIPPED else Trained.open(folder)


def kept(name: str, digest: str) -> Trained:
    """Return the codec of this name, which is still the one with this digest.

    Raises CheckpointError if it is not on this machine, or another by now.
    """
    why = "tokens become sound by the codec that they were made with alone"
    return bundle.kept(trained, name, digest, why=why)


@lru_cache(maxsize=8)
def _opened(folder: Path, name: str) -> Trained:
    return Trained.open(folder, name=name)
