"""A kind of thing to generate, and all that is known of it apart from any model."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar

import numpy as np

from genwright.errors import ConditionError, MismatchError, UsageError, shown

__all__ = ["Contour", "Difference", "Domain", "Label", "Offer", "Pattern", "Prefix", "Scalar", "Text"]

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Scalar:
    """A number that can be asked for, within [low, high], in `unit` ("" for none)."""

    summary: str
    low: float
    high: float
    unit: str = ""

    def check(self, name: str, value: object) -> float:
        """Return the value as a float. Raises ConditionError if it is no number or out of range."""
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise ConditionError(
                f"condition {name!r} takes a number; got {shown(value)}. Example: {name}={self.low:g}."
            )
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not self.low <= number <= self.high:
            unit = f" {self.unit}" if self.unit else ""
            raise ConditionError(
                f"condition {name!r} takes {self.low:g} to {self.high:g}{unit}; got {shown(value)}. "
                "Choose a value in this range."
            )
        return number


@dataclass(frozen=True, kw_only=True)
class Label:
    """One of some named values; those of the data a model learned from where `values` is empty."""

    summary: str
    values: tuple[str, ...] = ()

    def check(self, name: str, value: object) -> str:
        """Return the value as one of `values`. Raises ConditionError if it is none of them."""
        if self.values and str(value) not in self.values:
            raise ConditionError(f"condition {name!r} takes one of {', '.join(self.values)}; got {shown(value)}.")
        return str(value)


@dataclass(frozen=True, kw_only=True)
class Prefix:
    """The start of the sample, as text of the domain; the rest is generated."""

    summary: str
    longest: int = 4096

    def check(self, name: str, value: object) -> str:
        """Return the text. Raises ConditionError if it is no text, too long, or holds NUL or lone surrogates."""
        return _plain(name, value, self.longest)


@dataclass(frozen=True, kw_only=True)
class Text:
    """What the sample should show or say, in words."""

    summary: str
    longest: int = 4096

    def check(self, name: str, value: object) -> str:
        """Return the text. Raises ConditionError if it is no text, too long, or holds NUL or lone surrogates."""
        return _plain(name, value, self.longest)


@dataclass(frozen=True, kw_only=True)
class Contour:
    """A number for each moment, within [low, high], in `unit` ("" for none), that the sample follows from its start.

    rate:    how many there are a second
    longest: how many there may be
    """

    summary: str
    low: float
    high: float
    rate: float
    longest: int
    unit: str = ""

    def check(self, name: str, value: object) -> list[float]:
        """Return the numbers as floats.

        Raises ConditionError if it is no list or array of numbers, is empty or too long, or has one out of range.
        """
        numbers = value.tolist() if isinstance(value, np.ndarray) else value
        if not isinstance(numbers, list | tuple) or not numbers:
            raise ConditionError(
                f"condition {name!r} takes a list of numbers, one every {1 / self.rate:g} s; got {shown(value)}. "
                f"Example: {name}=[{self.low:g}, {self.high:g}]."
            )
        if len(numbers) > self.longest:
            raise ConditionError(
                f"condition {name!r} takes at most {self.longest:,} numbers; got {len(numbers):,}. Shorten it."
            )
        each = Scalar(summary=self.summary, low=self.low, high=self.high, unit=self.unit)
        return [each.check(f"{name}[{place}]", number) for place, number in enumerate(numbers)]


def _plain(name: str, value: object, longest: int) -> str:
    if not isinstance(value, str):
        raise ConditionError(f"condition {name!r} takes text; got {type(value).__name__}.")
    if len(value) > longest:
        raise ConditionError(f"condition {name!r} takes at most {longest} characters; got {len(value):,}. Shorten it.")
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise ConditionError(f"condition {name!r} takes plain text; got NUL or a lone surrogate in it. Remove it.")
    return value


Offer = Scalar | Label | Prefix | Text | Contour


@dataclass(frozen=True, kw_only=True)
class Difference:
    """The largest difference between two items.

    size:  in `unit`, such as 2.0 and "levels of 255"; 0 for items that differ in nothing that counts
    where: such as "at pixel (3, 4)", "at 1.25 s" or "from character 7", counted from 0; "" where nothing differs
    close: whether rounding alone may explain it, so that the items count as close
    """

    size: float
    unit: str
    where: str
    close: bool

    @classmethod
    def of_texts(cls, ours: str, theirs: str) -> Difference:
        """Return in how many characters two texts differ, and from which on; only equal ones are close."""
        pairs = enumerate(zip_longest(ours, theirs))
        differing = [place for place, (one, other) in pairs if one != other]
        where = f"from character {differing[0]}" if differing else ""
        return cls(size=len(differing), unit="characters", where=where, close=not differing)

    def __str__(self) -> str:
        return f"largest difference {self.size:.6g} {self.unit}" + (f", {self.where}" if self.where else "")


@dataclass(frozen=True, kw_only=True)
class Pattern(Generic[Item]):
    """What items may contain.

    kind, bits: bits that the fingerprint of this kind has of every item that contains it
    is_in:      whether an item contains it
    """

    kind: str
    bits: bytes
    is_in: Callable[[Item], bool]


class Domain(ABC, Generic[Item]):
    """How to read, check, spell, measure, write and show items of one kind.

    pictures: the endings of the files that `render` draws
    carrier:  the ending of those that `export` writes in which a manifest has room, such as ".wav", where in what
              `to_bytes` gives it has none
    """

    name: str
    conditions: Mapping[str, Offer]
    pictures: Sequence[str] = (".svg", ".png")
    carrier: str = ""

    @abstractmethod
    def read(self, path: Path, *, strict: bool = False) -> Iterator[Item]:
        """Yield the items of a file or folder; a malformed one is named in a warning and passed over.

        Raises DataError if nothing in it can be read, or for a malformed item if `strict`.
        """

    @abstractmethod
    def write(self, items: Iterable[Item], path: Path) -> None:
        """Write items to a new file, in the format that its name ends in. Raises DataError for an unknown ending."""

    def export(self, samples: Iterable[tuple[Item, Mapping[str, str]]], path: Path) -> bool:
        """Write items as `write` does, each with its origin where the format has room; return whether it has.

        samples: items, each with what is known of the columns of `genwright.exports`, "id" always, that of its sample
        """
        self.write((item for item, _ in samples), path)
        return False

    def pour(self, stages: Iterable[tuple[int, Item]], file: BinaryIO, *, ending: str = "") -> None:
        """Write items to an open file while they are drawn: of each stage of an item, what those before it lack.

        stages: the number of an item, and what there is of it; those of one item follow one another
        ending: that of the file's name; "" where it has none, as standard output

        Items that are text go one a line; one whose beginning has changed is written anew on a line of its own.

        Raises MismatchError for items that have no form to grow in.
        """
        last, before = -1, ""
        for number, item in stages:
            if not isinstance(item, str):
                raise MismatchError(
                    f"{self.name} cannot be written while they are drawn. Generate them whole, without --stream."
                )
            goes_on = number == last and item.startswith(before)
            file.write((item[len(before) :] if goes_on else "\n" * (last >= 0) + item).encode())
            file.flush()
            last, before = number, item
        if last >= 0:
            file.write(b"\n")

    @abstractmethod
    def check(self, item: Item) -> str | None:
        """Return the flaw of an item in one sentence, or None if it is valid."""

    def title(self, item: Item) -> str | None:
        """Return what people tell an item by, such as the name of its file or its spelling, or None for nothing."""
        return None

    @abstractmethod
    def canonical(self, item: Item) -> str | None:
        """Return the one spelling of a valid item that equal items share, or None if the domain has none."""

    @abstractmethod
    def identity(self, item: Item) -> str | None:
        """Return a short key that equal valid items share, by which they are looked up, or None."""

    @abstractmethod
    def measure(self, items: Sequence[Item], names: Sequence[str]) -> np.ndarray:
        """Return what items have of the scalar conditions named, float64 [items, names]; NaN where none can be said."""

    def describe(self, items: Sequence[Item], name: str) -> list[str | None]:
        """Return what items have of the label or text condition named; None where none can be said."""
        return [None] * len(items)

    def trace(self, items: Sequence[Item], name: str) -> list[np.ndarray | None]:
        """Return what items have of the contour named, finite float64 [N] each; None where none can be said."""
        return [None] * len(items)

    def labelled(self, item: Item, where: Mapping[str, float | str]) -> Item:
        """Return a generated item as one that says of itself what was asked for, where such items have room for it.

        where: the scalars, labels and texts that were asked for

        `describe` finds it there. The item is new, and may be changed.
        """
        return item

    def attributed(self, item: Item, *, sample: str) -> Item:
        """Return an item as one that names the sample that it is or will be, where such items have room for it.

        `pour` finds it there. The item is new, and may be changed.
        """
        return item

    @abstractmethod
    def gather(self, items: Sequence[Item]) -> Any:
        """Return what the domain's metrics take as samples, so that what several of them need is computed once."""

    @abstractmethod
    def reference(self, items: Sequence[Item]) -> Any:
        """Return what the domain's metrics take as a reference."""

    def fingerprints(self, items: Sequence[Item]) -> Mapping[str, Sequence[bytes | None]]:
        """Return by what items are found that are alike: of each kind that the domain's spec names, the bits of each.

        All of a kind are of one length; None where an item has none. A store keeps them.
        """
        return {}

    def pattern(self, text: str) -> Pattern[Item]:
        """Return what a text describes that items may contain. Raises UsageError for one that describes nothing."""
        raise UsageError(f"{self.name} have no parts that can be asked for; got {shown(text)}. Search without it.")

    @abstractmethod
    def to_bytes(self, item: Item) -> bytes:
        """Return the bytes that a store keeps; `from_bytes` undoes it exactly."""

    @abstractmethod
    def from_bytes(self, data: bytes) -> Item:
        """Return the item that `to_bytes` wrote."""

    def difference(self, ours: Item, theirs: Item) -> Difference | None:
        """Return the largest difference between an item drawn again and the one on record; None where it has no size.

        What is on record may be anything that `from_bytes` reads, flawed items too.
        """
        return None

    @abstractmethod
    def render(self, items: Sequence[Item], path: Path, *, legends: Sequence[str] = ()) -> None:
        """Draw items to a new file, one or a grid. Raises DataError for an ending that is not among `pictures`."""
