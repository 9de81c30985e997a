"""What vocoders and codecs are trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from genwright.errors import DataError, OptionError
from genwright.seeds import Noise
from genwright_audio.clip import Clip, flaw
from genwright_audio.files import decoded
from genwright_audio.grid import resampled

__all__ = ["check_length", "origin", "parts", "track"]

_GAP = 0.1
_SPEEDS = (1.0, 0.84, 1.19, 0.92, 1.09)


def track(files: Sequence[Path], rate: int, *, speeds: int = 1) -> Float[Tensor, " L"]:
    """Return recordings one after the other in one channel, a tenth of a second of silence after each.

    speeds: how many times each is there, the second and later at other speeds, and so pitches

    Raises DataError for a file that is no recording, OptionError for other than 1 to 5 speeds.
    """
    if not 1 <= speeds <= len(_SPEEDS):
        raise OptionError(f"recordings are heard at 1 to {len(_SPEEDS)} speeds; got {speeds}. Choose so many.")
    gap, found = np.zeros(round(_GAP * rate), np.float32), []
    for clip in map(_recording, files):
        for speed in _SPEEDS[:speeds]:
            found += [resampled(clip.wave, round(speed * clip.rate), rate), gap]
    return torch.from_numpy(np.concatenate(found))


def _recording(file: Path) -> Clip:
    try:
        with file.open("rb") as stream:
            clip = decoded(stream, file.name)
        if trouble := flaw(clip):
            raise DataError(trouble)
    except (OSError, DataError) as error:
        reason = str(error).rstrip(".")
        raise DataError(f"sounds are learned from recordings; {file} is none: {reason}. Leave it out.") from error
    return clip


def origin(files: Sequence[Path], speeds: int, recordings: Float[Tensor, " L"], rate: int) -> dict[str, Any]:
    """Return what a card says of recordings; the digest is that over those of the files in their order."""
    digests = "".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    return {
        "files": len(files),
        "speeds": speeds,
        "seconds": round(len(recordings) / rate, 1),
        "data": hashlib.sha256(digests.encode()).hexdigest(),
    }


def check_length(recordings: Float[Tensor, " L"], length: int, rate: int) -> None:
    """Raise DataError for recordings that are no longer than a part of them."""
    if len(recordings) <= length:
        raise DataError(
            f"sounds are learned from more than {length / rate:.3g} s of recordings; got "
            f"{len(recordings) / rate:.3g} s. Give more files."
        )


def parts(recordings: Float[Tensor, " L"], length: int, noise: Noise, step: int) -> Float[Tensor, "B length"]:
    """Return a part of the recordings for each row of noise, 1/8 to 1.4 times as loud as recorded."""
    draws = noise.uniform("parts", step, 2).double()
    first = (draws[:, 0] * (len(recordings) - length)).long()
    louder = 2 ** (3.5 * draws[:, 1:].float() - 3)
    places = first[:, None] + torch.arange(length)
    return recordings[places.to(recordings.device)] * louder.to(recordings.device)
