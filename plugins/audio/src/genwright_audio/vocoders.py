"""What brings waveforms back from mel bands: those that come with the plugin, and which of them an encoder takes."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from genwright.errors import CheckpointError, OptionError, UnknownName
from genwright_audio.griffinlim import GriffinLim
from genwright_audio.spectrum import Frames

__all__ = ["Vocoder", "chosen", "kept", "shipped"]

_FOLDER = Path(__file__).parent / "vocoders"


@runtime_checkable
class Vocoder(Protocol):
    """Makes waveforms of mel bands, each row by itself.

    name:   under which it is asked for
    digest: SHA-256 of its weights; empty where it has none
    frames: those of the bands that it takes
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def digest(self) -> str: ...  # noqa: D102
    @property
    def frames(self) -> Frames: ...  # noqa: D102

    def waves(self, mels: Float[Tensor, "B M T"]) -> Float[Tensor, "B L"]:
        """Return the waveforms of bands as `log_mel` gives them, of (T - 1) * hop samples."""


def shipped() -> dict[str, Frames]:
    """Return the trained vocoders that come with the plugin, and the frames of each."""
    return {}


def chosen(name: str | None, frames: Frames) -> Vocoder:
    """Return the vocoder of this name.

    name: None for the first of the trained ones that takes these frames, or Griffin-Lim where none does

    Raises UnknownName if there is none of this name, OptionError if it takes other frames.
    """
    fitting = [each for each, theirs in shipped().items() if theirs == frames]
    name = name or next(iter(fitting), GriffinLim.name)
    if name == GriffinLim.name:
        return GriffinLim(frames=frames)
    if name not in shipped():
        raise UnknownName("vocoder", name, [GriffinLim.name, *shipped()])
    raise OptionError("")


def kept(name: str, digest: str, frames: Frames) -> Vocoder:
    """Return the vocoder of this name and digest.

    Raises CheckpointError if it is not installed, or is another by now.
    """
    if name == GriffinLim.name and not digest:
        return GriffinLim(frames=frames)
    raise CheckpointError("")
