"""The domain of images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import numpy as np
from PIL import Image

from genwright.domain import Difference, Domain, Label, Offer, Text
from genwright.errors import ConditionError
from genwright_images import image, png, readers, writers
from genwright_images.provenance import signed

__all__ = ["Images"]

_CONDITIONS: Mapping[str, Offer] = MappingProxyType(
    {
        "class": Label(summary="What kind of thing is shown; the kinds are those of the training data."),
        "caption": Text(summary="What is shown, in a few words."),
    }
)


@final
class Images(Domain[Image.Image]):
    """Pictures in grey or RGB of 8 bits; an item is a PIL image, and says of itself what its `info` holds."""

    name = "images"
    pictures = (".png",)
    conditions = _CONDITIONS

    def read(self, path: Path, *, strict: bool = False) -> Iterator[Image.Image]:
        """Yield the images of folders, .zip archives and files of many kinds; see `readers.read`."""
        return readers.read(path, strict)

    def write(self, items: Iterable[Image.Image], path: Path) -> None:
        """Write images as PNG to a new .png, .zip or folder; see `writers.write`."""
        writers.write(items, Path(path))

    def export(self, samples: Iterable[tuple[Image.Image, Mapping[str, str]]], path: Path) -> bool:
        """Write images as `write` does, each signed with the id of its sample; see `provenance.signed`."""
        self.write((signed(item, sample=known["id"]) for item, known in samples), path)
        return True

    def check(self, item: Image.Image) -> str | None:
        """Return why an image is of another mode, empty, too large or all one colour, or None if it is none of this."""
        return image.flaw(item)

    def title(self, item: Image.Image) -> str | None:
        """Return the name of the file that an image was read from, within its folder or archive; None without one."""
        return image.file_of(item)

    def canonical(self, item: Image.Image) -> str | None:
        """Return an image's mode, size and the SHA-256 of its pixels; what it says of itself does not count."""
        return f"{item.mode} {item.width}x{item.height} {image.digest(item)}"

    def identity(self, item: Image.Image) -> str | None:
        """Return the first half of the digest in `canonical`."""
        return image.digest(item)[:32]

    def measure(self, items: Sequence[Image.Image], names: Sequence[str]) -> np.ndarray:
        """Return no column, since no scalar can be asked of images. Raises ConditionError for a name."""
        if names:
            raise ConditionError(f"images have no number to measure; got {', '.join(names)}. Ask for class or caption.")
        return np.zeros((len(items), 0), dtype=np.float64)

    def describe(self, items: Sequence[Image.Image], name: str) -> list[str | None]:
        """Return what images say of themselves: their class or their caption."""
        return [image.facts(item.info).get(name) for item in items]

    def labelled(self, item: Image.Image, where: Mapping[str, float | str]) -> Image.Image:
        """Return the image with the class and the caption that were asked for among its facts."""
        item.info |= {name: where[name] for name in self.conditions if name in where}
        return item

    def gather(self, items: Sequence[Image.Image]) -> Any:
        """Return a `gathered.Gathered` of the items."""
        from genwright_images.gathered import Gathered

        return Gathered(items)

    def reference(self, items: Sequence[Image.Image]) -> Any:
        """Return a `reference.Reference` of the items, whose parts are kept in the user's cache."""
        from genwright_images.reference import Reference

        return Reference(items)

    def fingerprints(self, items: Sequence[Image.Image]) -> Mapping[str, Sequence[bytes | None]]:
        """Return the perceptual hashes of images, 64 bits each; None for those of one colour."""
        from genwright_images.hashing import perceptual_hash

        return {"phash": [perceptual_hash(item) for item in items]}

    def to_bytes(self, item: Image.Image) -> bytes:
        """Return a PNG with the image's facts in text chunks; equal images with equal facts give equal bytes."""
        return png.to_bytes(item)

    def from_bytes(self, data: bytes) -> Image.Image:
        """Return the image of a PNG with its facts."""
        return png.from_bytes(data)

    def difference(self, ours: Image.Image, theirs: Image.Image) -> Difference | None:
        """Return how far the most different channel of a pixel is; None for other modes or sizes.

        Two images are close where no channel of a pixel is further than a rounding of its level.
        """
        return image.difference(ours, theirs)

    def render(self, items: Sequence[Image.Image], path: Path, *, legends: Sequence[str] = ()) -> None:
        """Draw one image, enlarged, or a contact sheet of several to a new .png file; see `rendering.draw`."""
        from genwright_images.rendering import draw

        draw(items, Path(path), legends=legends)
