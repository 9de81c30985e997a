"""Drawings of items: how many one takes, and what is written under each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from genwright.errors import OptionError

__all__ = ["MOST", "check_drawn", "fitting"]

MOST = 400
"""How many items a drawing takes at most: of more, nobody sees one."""

# No font has letters of less than two pixels on average at a size that can be read.
_NARROWEST = 2


def check_drawn(items: Sequence[object], texts: Sequence[object], *, of: str, name: str = "legends") -> None:
    """Raise OptionError for no items or more than MOST, or for another number of texts, where there are any.

    of: an item, with its article: "an image"
    """
    many = f"{of.split()[-1]}s"
    if not 1 <= len(items) <= MOST:
        raise OptionError(f"a drawing takes 1 to {MOST} {many}; got {len(items):,}. Draw a part: samples[:100].")
    if texts and len(texts) != len(items):
        raise OptionError(
            f"{name} are one {of}, or none; got {len(texts)} for {len(items)} {many}. Give as many, or none."
        )


def fitting(legend: str, room: float, length: Callable[[str], float]) -> str:
    """Return as much of a legend as fits, without what fonts have no sign for.

    room:   pixels
    length: of a text, in pixels
    """
    text = "".join(letter if letter.isprintable() else " " for letter in legend[: int(room) // _NARROWEST])
    while text and length(text) > room:
        text = text[:-1]
    return text
