"""The domain of sounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, final

import numpy as np

from genwright.domain import Contour, Difference, Domain, Label, Offer, Scalar, Text
from genwright.errors import ConditionError
from genwright_audio import clip, files, pouring, readers, writers
from genwright_audio.clip import ROOM, Clip
from genwright_audio.loudness import QUIETEST, RATE, loudness
from genwright_audio.provenance import signed

if TYPE_CHECKING:
    from genwright_audio.gathered import Gathered
    from genwright_audio.reference import Reference

__all__ = ["Audio"]

_SECONDS, _LOUDNESS = "seconds", "loudness"
_CONDITIONS: Mapping[str, Offer] = MappingProxyType(
    {
        "digit": Label(summary="Which digit is spoken.", values=tuple("0123456789")),
        "speaker": Label(summary="Who speaks; the speakers are those of the training data."),
        "kind": Label(summary="What kind of sound it is; the kinds are those of the training data."),
        "text": Text(summary="What is said, in words."),
        _SECONDS: Scalar(summary="How long it is.", low=0.05, high=ROOM, unit="s"),
        _LOUDNESS: Contour(
            summary="How loud each fiftieth of a second is; it ends where the numbers end.",
            low=QUIETEST,
            high=0.0,
            unit="dB",
            rate=RATE,
            longest=round(ROOM * RATE),
        ),
    }
)


@final
class Audio(Domain[Clip]):
    """Sounds in one channel; an item is a `Clip`, and says of itself what its facts hold."""

    name = "audio"
    pictures = (".png", ".html")
    # C2PA has no place in FLAC.
    carrier = ".wav"
    conditions = _CONDITIONS

    def read(self, path: Path, *, strict: bool = False) -> Iterator[Clip]:
        """Yield the clips of folders, archives and files of many kinds; see `readers.read`."""
        return readers.read(Path(path), strict)

    def write(self, items: Iterable[Clip], path: Path) -> None:
        """Write clips to a new file of sound, .zip or folder; see `writers.write`."""
        writers.write(items, Path(path))

    def export(self, samples: Iterable[tuple[Clip, Mapping[str, str]]], path: Path) -> bool:
        """Write clips as `write` does, each signed with the id of its sample; see `provenance.signed`."""
        self.write((signed(item, sample=known["id"]) for item, known in samples), path)
        return True

    def pour(self, stages: Iterable[tuple[int, Clip]], file: BinaryIO, *, ending: str = "") -> None:
        """Write clips to a .wav, a .flac or standard output while they are drawn; see `pouring.pour`."""
        pouring.pour(stages, file, ending=ending)

    def check(self, item: Clip) -> str | None:
        """Return why a clip is empty, silent, too long, or has samples that are none, or None if it is none of this."""
        return clip.flaw(item)

    def title(self, item: Clip) -> str | None:
        """Return the name of the file that a clip was read from, within its folder or archive; None without one."""
        return item.file and item.file.encode("utf-8", "backslashreplace").decode()

    def canonical(self, item: Clip) -> str | None:
        """Return a clip's rate, length and the SHA-256 of its samples; what it says of itself does not count."""
        return f"{item.rate} Hz {len(item.wave)} {clip.digest(item)}"

    def identity(self, item: Clip) -> str | None:
        """Return the first half of the digest in `canonical`."""
        return clip.digest(item)[:32]

    def measure(self, items: Sequence[Clip], names: Sequence[str]) -> np.ndarray:
        """Return how many seconds clips have. Raises ConditionError for another name."""
        if unknown := [name for name in names if name != _SECONDS]:
            raise ConditionError(f"of sounds only seconds are measured; got {', '.join(unknown)}. Ask for seconds.")
        seconds = np.array([item.seconds for item in items], dtype=np.float64)
        return np.repeat(seconds[:, None], len(names), axis=1)

    def describe(self, items: Sequence[Clip], name: str) -> list[str | None]:
        """Return what clips say of themselves: their digit, speaker, kind or text."""
        return [clip.facts(item.facts).get(name) for item in items]

    def trace(self, items: Sequence[Clip], name: str) -> list[np.ndarray | None]:
        """Return the loudness of clips; see `loudness.loudness`. Raises ConditionError for another name."""
        if name != _LOUDNESS:
            raise ConditionError(f"of sounds only loudness is traced; got {name}. Ask for loudness.")
        return [loudness(item) for item in items]

    def labelled(self, item: Clip, where: Mapping[str, float | str]) -> Clip:
        """Return the clip with what was asked for among its facts."""
        return item.saying(**{name: str(where[name]) for name in clip.FACTS if name in where})

    def attributed(self, item: Clip, *, sample: str) -> Clip:
        """Return the clip with the id of its sample among its facts."""
        return item.saying(sample=sample)

    def gather(self, items: Sequence[Clip]) -> Gathered:
        """Return a `gathered.Gathered` of the items."""
        from genwright_audio.gathered import Gathered

        return Gathered(items)

    def reference(self, items: Sequence[Clip]) -> Reference:
        """Return a `reference.Reference` of the items, whose parts are kept in the user's cache."""
        from genwright_audio.reference import Reference

        return Reference(items)

    def to_bytes(self, item: Clip) -> bytes:
        """Return a FLAC with the clip's facts in a tag; equal clips with equal facts give equal bytes."""
        return files.to_bytes(item)

    def from_bytes(self, data: bytes) -> Clip:
        """Return the clip of a file of sound, with its facts."""
        return files.from_bytes(data)

    def difference(self, ours: Clip, theirs: Clip) -> Difference | None:
        """Return how far the most different sample is, in units of full scale; None for other rates or lengths.

        Two clips are close where no sample is further than two steps of 16 bits.
        """
        return clip.difference(ours, theirs)

    def render(self, items: Sequence[Clip], path: Path, *, legends: Sequence[str] = ()) -> None:
        """Draw waveforms and spectrograms to a new .png, or a page with players to a new .html; see `rendering`."""
        from genwright_audio.rendering import draw

        draw(items, Path(path), legends=legends)
