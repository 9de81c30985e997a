"""A network of the user's that hears clips, for the Fréchet audio distance: Genwright has none and downloads none."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from jaxtyping import Float32
from numpy import ndarray
from torch import Tensor, nn

from genwright.datasets import digest
from genwright.errors import DataError, ShapeError, UsageError
from genwright_audio.clip import Clip
from genwright_audio.grid import resampled

__all__ = ["EMBEDDING", "Embedding"]

EMBEDDING = "GENWRIGHT_AUDIO_EMBEDDING"
"""The environment variable that names the file of a network."""

_RATE = "rate"
_SHOWN = 12


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Embedding:
    """A network that gives features of a wave, and what tells it from others.

    path:    its file
    digest:  the SHA-256 of that, in hexadecimal
    rate:    of the waves that it hears, in Hz
    network: takes a wave [1, L], and gives features of it, [1, D], or of T windows, [1, T, D]
    """

    path: Path
    digest: str
    rate: int
    network: nn.Module

    @classmethod
    def given(cls) -> Embedding:
        """Return the network whose file the user names. Raises UsageError where none is named, or no file is there."""
        named = os.environ.get(EMBEDDING)
        if not named:
            raise UsageError(
                "the Fréchet audio distance is that of what a network hears, and none comes with Genwright. "
                f"Name the file of one, written by torch.export.save, in {EMBEDDING}; docs/how-to/audio.md says more."
            )
        if not Path(named).is_file():
            raise UsageError(f"{EMBEDDING} names the file of a network; {named} is none. Check the path.")
        return cls.load(Path(named))

    @classmethod
    def load(cls, path: Path) -> Embedding:
        """Return the network in a file. It runs what the file says, as a program: load those of people you trust.

        Raises DataError for a file that `torch.export.save` did not write, or that does not tell its rate.
        """
        said = {_RATE: ""}
        try:
            _check_archive(path)
            with path.open("rb") as file:
                network = torch.export.load(file, extra_files=said).module()
        except Exception as error:  # torch promises none, and raises what its parts do
            raise DataError(
                f"{path} should hold a network that torch.export.save wrote; it cannot be read: {error}. "
                "Write it again."
            ) from error
        if not said[_RATE].isdecimal() or not int(said[_RATE]):
            raise DataError(
                f"{path} should tell the rate in Hz at which its network hears; it tells {said[_RATE]!r}. "
                'Give torch.export.save extra_files={"rate": "16000"}, or what it is.'
            )
        return cls(path=path, digest=digest(path), rate=int(said[_RATE]), network=network)

    @property
    def name(self) -> str:
        """The name of its file and the beginning of its digest."""
        return f"{self.path.name}, SHA-256 {self.digest[:_SHOWN]}"

    def features(self, clips: Sequence[Clip]) -> Float32[ndarray, "N D"]:
        """Return the features of one clip or more, those of all windows of the first, then of the next.

        Raises DataError where the network fails, and ShapeError where it gives something else.
        """
        rows = [self._rows(clip) for clip in clips]
        if len({row.shape[1] for row in rows}) != 1:
            raise ShapeError(f"{self.path} should give each clip as many features. Export another network.")
        return np.concatenate(rows)

    def _rows(self, clip: Clip) -> Float32[ndarray, "T D"]:
        wave = torch.from_numpy(np.ascontiguousarray(resampled(clip.wave, clip.rate, self.rate)))
        try:
            with torch.inference_mode():
                found = self.network(wave[None])
        except Exception as error:
            raise DataError(
                f"{self.path} should hear a clip of {len(wave):,} samples at {self.rate:,} Hz; it fails: {error}. "
                "Export it for waves of any length, and let it fill up short ones."
            ) from error
        if trouble := _trouble(found):
            raise ShapeError(
                f"{self.path} should give numbers [1, D] or [1, T, D] of a wave [1, {len(wave)}]; "
                f"it gives {trouble}. Export another network."
            )
        return np.asarray(found.to(torch.float32).reshape(-1, found.shape[-1]))


def _check_archive(path: Path) -> None:
    """Raise ValueError for another kind of file, of which torch would print how it failed to read it."""
    with zipfile.ZipFile(path) as archive:
        if not any(name.endswith("/archive_format") for name in archive.namelist()):
            raise ValueError("it is an archive of another kind")


def _trouble(found: object) -> str | None:
    if not isinstance(found, Tensor):
        return f"a {type(found).__name__}"
    if found.ndim not in (2, 3) or found.shape[0] != 1 or not found.numel():
        return str(list(found.shape))
    return None if bool(torch.isfinite(found).all()) else "some that are none"
