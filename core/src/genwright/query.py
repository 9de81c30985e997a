"""What recorded samples are asked for, and what is found."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from genwright.errors import UsageError, shown
from genwright.specs import Measure
from genwright.store import Record, is_text

__all__ = [
    "SEARCHED",
    "Bounds",
    "Hit",
    "Like",
    "Part",
    "Place",
    "Query",
    "as_number",
    "is_findable",
    "searched_words",
    "words",
]

Bounds = tuple[float, float]

SEARCHED = 1 << 16
"""Up to how many bytes a payload, and how many characters any other text of a sample, is searched."""

# A word is cut here; PostgreSQL keeps none of 2,047 bytes, and a character takes four of them at most.
_LONGEST, _MOST = 500, 64
_WORD = re.compile(r"[^\W_]+")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Like:
    """Items whose fingerprint of a kind is near these bits.

    bound: for "tanimoto" the lowest similarity, in 0 to 1; for "hamming" how many bits may differ
    """

    domain: str
    kind: str
    measure: Measure
    bits: bytes
    bound: float


@dataclass(frozen=True, kw_only=True)
class Part:
    """Items of a domain that contain what a text describes, as `Domain.pattern` reads it: SMILES or SMARTS."""

    domain: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which samples are looked for: those that fit all that is given.

    text:     a part of the canonical spelling or of the payload's text, letter by letter
    match:    words that all occur in the canonical spelling, the prompt, the parameters or the payload's text, in any
              order; case and accents do not count
    scores:   recorded values of metrics of samples, each within its bounds
    where:    what runs asked for: a number within bounds, a number or a word
    after:    the cursor of a hit, after which to go on

    They come newest first, as they were put; by `scores` the highest value of its first metric first, a sample once for
    each value recorded of it; by `like` the most similar first.

    Raises UsageError for bounds that hold nothing, and for words that are none or too many.
    """

    text: str | None = None
    match: str | None = None
    identity: str | None = None
    run: str | None = None
    domain: str | None = None
    valid: bool | None = None
    scores: Mapping[str, Bounds] = field(default_factory=dict)
    where: Mapping[str, Bounds | float | str] = field(default_factory=dict)
    like: Like | None = None
    part: Part | None = None
    after: str | None = None

    def __post_init__(self) -> None:
        for name, bounds in (*self.scores.items(), *self.where.items()):
            if isinstance(bounds, tuple) and not bounds[0] <= bounds[1]:
                raise UsageError(
                    f"the bounds of {name} are a number and one that is no lower; got {bounds[0]} and {bounds[1]}. "
                    f"Write the lower first: {name}=0.5..1."
                )
        if self.like is not None and self.part is not None and self.like.domain != self.part.domain:
            raise UsageError(
                f"samples are compared as items of one domain; got {self.like.domain} and {self.part.domain}. "
                "Search for one of them."
            )
        if self.match is not None and not 0 < len(self.words) <= _MOST:
            found = f"{len(self.words):,} words" if self.words else f"{shown(self.match)}, which has none"
            raise UsageError(
                f"samples are matched by 1 to {_MOST} words of letters and digits; got {found}. "
                "Look for signs as a text: genwright samples search TEXT."
            )

    @property
    def words(self) -> list[str]:
        """The words that all have to occur."""
        return words(self.match or "")

    @property
    def place(self) -> Place | None:
        """Where the search goes on; None for its beginning. Raises UsageError for what is no cursor of this search."""
        return None if self.after is None else self._read(self.after)

    def cursor(self, place: Place) -> str:
        """Return the text from which `place` reads a place."""
        return base64.urlsafe_b64encode(self._sealed(json.dumps(place))).decode().rstrip("=")

    def fits(self, record: Record) -> bool:
        """Whether a sample has the identity, validity, text and words that are asked for."""
        return (
            (self.identity is None or record.identity == self.identity)
            and (self.valid is None or (record.flaw is None) == self.valid)
            and (self.text is None or _holds(record, self.text))
            and (self.match is None or not set(self.words).difference(searched_words(record)))
        )

    def asks_of(self, where: Mapping[str, Any]) -> bool:
        """Whether what a run asked for is what its runs are to have asked for."""
        return all(_is_within(where.get(name), bounds) for name, bounds in self.where.items())

    def _sealed(self, text: str) -> bytes:
        """Return a text behind a checksum of it and of what is asked."""
        asked = json.dumps(asdict(replace(self, after=None)), sort_keys=True, default=bytes.hex)
        return hashlib.sha256(asked.encode("utf-8", "surrogatepass") + text.encode()).digest()[:6] + text.encode()

    def _read(self, cursor: str) -> Place:
        try:
            data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
            text = data[6:].decode("ascii")
        except (binascii.Error, ValueError):
            text, data = "", b"?"
        if data != self._sealed(text):
            raise UsageError(
                f"a search goes on after a cursor that the same search gave; got {shown(cursor)}, which is of another "
                "search or damaged. Repeat all of the search beside it, or leave the cursor out to begin anew."
            )
        at, top = json.loads(text)
        return Place(at=tuple(at), top=tuple(top))


class Place(NamedTuple):
    """Where a search stands.

    at:  the key of the last hit; those that follow have greater ones
    top: the newest sample and the newest score there were at the beginning, beyond which nothing is looked at
    """

    at: tuple[float, ...]
    top: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A sample that was found.

    value:  its score, its similarity or how many bits differ, by which the hits are in order; None for newest first
    cursor: goes on behind it, as `after` of the same query
    """

    record: Record
    value: float | None
    cursor: str


def words(text: str) -> list[str]:
    """Return the words of a text as they are compared, each once: letters and digits, without case and accents."""
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in parts if not unicodedata.category(letter).startswith("M"))
    return list(dict.fromkeys(word[:_LONGEST] for word in _WORD.findall(text.casefold())))


def searched_words(record: Record) -> list[str]:
    """Return the words by which a sample is found."""
    found = (record.canonical or "", record.prompt, "\n".join(_texts(record.parameters)), _payload_text(record))
    return words("\n".join(text[:SEARCHED] for text in dict.fromkeys(found)))


def is_findable(*texts: str | None) -> bool:
    """Whether texts can be in a store: one with a lone surrogate is in none, and cannot be asked for."""
    return not any(_SURROGATE.search(text) for text in texts if text is not None)


def _payload_text(record: Record) -> str:
    if not is_text(record.media_type) or len(record.payload) > SEARCHED:
        return ""
    return record.payload.decode(errors="replace")


def _holds(record: Record, text: str) -> bool:
    if record.canonical is not None and text in record.canonical:
        return True
    is_searched = is_text(record.media_type) and len(record.payload) <= SEARCHED
    return is_searched and text.encode("utf-8", "surrogatepass") in record.payload


def _texts(parameters: str) -> Iterator[str]:
    """Yield the names and values in parameters, where they are JSON, else them as they are."""
    try:
        waiting = [json.loads(parameters)] if parameters else []
    except (ValueError, RecursionError):
        yield parameters
        return
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        else:
            yield str(value)


def as_number(value: object) -> float | None:
    """Return the number that a value is, or that a text says; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return None if math.isnan(number) else number


def _is_within(value: object, asked: Bounds | float | str) -> bool:
    number = None if isinstance(value, str) else as_number(value)
    if isinstance(asked, tuple):
        return number is not None and asked[0] <= number <= asked[1]
    return value == asked or (number is not None and number == as_number(asked))
