"""What an index of texts does, and which one a database has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, Row, Select

__all__ = ["Entry", "TextIndex", "text_index", "trigrams"]

Entry = tuple[int, str, str]
"""The id of a sample, its words with spaces between them, and its texts in which parts are looked for."""

# So many letters of a text are looked at.
_LOOKED_AT = 40


class TextIndex(Protocol):
    """Where samples are found by their words, and by three letters that follow one another.

    It may find more than there is: who asks reads what was found.
    """

    def exists(self, connection: Connection) -> bool:
        """Whether there is an index."""

    def clear(self, connection: Connection) -> None:
        """Make the index anew, with nothing in it."""

    def add(self, connection: Connection, entries: Iterable[Entry]) -> None:
        """Add samples that are not in the index."""

    def remove(self, connection: Connection, entries: Iterable[Entry]) -> None:
        """Remove samples, given as they were added."""

    def has(self, connection: Connection, words: Sequence[str], letters: Sequence[str]) -> ColumnElement[bool]:
        """Whether a sample that is in the index has all of the words and threes of letters."""

    def rarest(self, connection: Connection, letters: Sequence[str]) -> list[str]:
        """Return those of some threes of letters by which it is best asked."""

    def newest(
        self,
        connection: Connection,
        asked: Select[Any],
        words: Sequence[str],
        letters: Sequence[str],
        between: tuple[int, int],
        count: int,
    ) -> Sequence[Row[Any]]:
        """Return the newest rows of samples with all of the words and letters, as many as are asked for if there are.

        asked:   selects samples, among others by what else they have to be
        between: two ids, neither included
        """


def text_index(connection: Connection) -> TextIndex:
    """Return the index of texts of the database that this is a connection to."""
    if connection.dialect.name == "postgresql":
        from genwright_storage.search import postings

        return postings
    from genwright_storage.search import fulltext

    return fulltext


def trigrams(text: str) -> list[str]:
    """Return letters of a text, three at a time, by which it can be looked for; none for one that is too short."""
    step = max(1, (len(text) - 2) // _LOOKED_AT)
    found = (text[place : place + 3] for place in range(0, len(text) - 2, step))
    return list(dict.fromkeys(letters for letters in found if "\0" not in letters))
