"""What brings waveforms back from mel bands: Griffin-Lim, the trained ones that come with the plugin, and others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, final, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from genwright.errors import OptionError
from genwright_audio import bundle
from genwright_audio.griffinlim import GriffinLim, Scattered
from genwright_audio.spectrum import Frames
from genwright_audio.vocoder import Network

__all__ = ["UNTRAINED", "Trained", "Vocoder", "chosen", "kept", "shipped", "trained"]

UNTRAINED = {kind.name: kind for kind in (GriffinLim, Scattered)}
"""Those that take any frames, by name."""

_SHIPPED = Path(__file__).parent / "vocoders"
_AGAIN = "Copy it again, or train one: python -m genwright_audio.vocoding --help."


@runtime_checkable
class Vocoder(Protocol):
    """Makes waveforms of mel bands, each row by itself."""

    @property
    def name(self) -> str:
        """Under which it is asked for."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides what it makes; empty where nothing is learned."""

    @property
    def frames(self) -> Frames:
        """Those of the bands that it takes."""

    def waves(self, mels: Float[Tensor, "B M T"]) -> Float[Tensor, "B L"]:
        """Return the waveforms of bands as `log_mel` gives them, of (T - 1) * hop samples."""


@final
@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network in a folder with weights.safetensors and card.json.

    name:   that of one that comes with the plugin, else the whole path of its folder
    card:   what it was trained on and how well it does; it decides nothing
    """

    name: str
    digest: str
    network: Network
    card: Mapping[str, Any]

    @classmethod
    def open(cls, folder: Path | str, *, name: str | None = None) -> Trained:
        """Return the vocoder in a folder. Raises CheckpointError for one that is missing or damaged."""
        found = bundle.read(Path(folder), _network, kind="a vocoder", again=_AGAIN)
        return cls(
            name=name or str(Path(folder).resolve()), digest=found.digest, network=found.network, card=found.card
        )

    @staticmethod
    def save(folder: Path, network: Network, *, card: Mapping[str, Any]) -> Trained:
        """Write a vocoder with its weights in half precision to a new folder, and return what is read from it."""
        bundle.write(folder, network, network.to_json(), card=card)
        return Trained.open(folder)

    @property
    def frames(self) -> Frames:
        """Those of the bands that it takes."""
        return self.network.frames

    def waves(self, mels: Float[Tensor, "B M T"]) -> Float[Tensor, "B L"]:
        """Return the waveforms of bands as `log_mel` gives them, of (T - 1) * hop samples."""
        return torch.cat([self.network.waves(mel) for mel in mels[:, None]])


def _network(made: Mapping[str, Any]) -> Network:
    before, after = made["rounds"]
    frames = Frames.from_json(made["frames"])
    return Network(frames=frames, width=made["width"], blocks=made["blocks"], rounds=(before, after))


def shipped() -> dict[str, Frames]:
    """Return the names of the trained vocoders that come with the plugin, and the frames of each."""
    return {name: Frames.from_json(made["frames"]) for name, made in bundle.named(_SHIPPED).items()}


def chosen(name: str | None, frames: Frames) -> Vocoder:
    """Return the vocoder of this name.

    name: one of UNTRAINED, that of a trained one or the folder of one; None for the first of those that come with the
          plugin which takes these frames, or Griffin-Lim where none does

    Raises UnknownName if there is none of this name, OptionError if it takes other frames.
    """
    fitting = [each for each, theirs in shipped().items() if theirs == frames]
    name = next(iter(fitting), GriffinLim.name) if name is None else name
    found = UNTRAINED[name](frames=frames) if name in UNTRAINED else trained(name)
    if found.frames != frames:
        raise OptionError(
            f"vocoder {name!r} takes bands of {found.frames}; asked for are those of {frames}. "
            f"Vocoders that fit these: {', '.join([*fitting, *UNTRAINED])}."
        )
    return found


def kept(name: str, digest: str, frames: Frames) -> Vocoder:
    """Return the vocoder of this name, which is still the one with this digest.

    Raises CheckpointError if it is not on this machine, or another by now.
    """
    why = "what a model draws becomes sound by the vocoder it was made with alone"
    return bundle.kept(lambda each: chosen(each, frames), name, digest, why=why)


def trained(name: str) -> Trained:
    """Return the vocoder of this name or in the folder of this whole path.

    Raises UnknownName if there is none, OptionError for another path, CheckpointError if it is damaged.
    """
    folder = bundle.located(name, _SHIPPED, kind="vocoder", others=[*UNTRAINED])
    return _opened(folder, name) if folder.parent == _SHIPPED else Trained.open(folder)


@lru_cache(maxsize=8)
def _opened(folder: Path, name: str) -> Trained:
    return Trained.open(folder, name=name)
