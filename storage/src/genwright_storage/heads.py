"""Checks the heads of a ledger: who signed them, and that the ledger is what each of them says it was."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import final

from sqlalchemy import Connection, Row, select

from genwright.errors import ProofError
from genwright.store import Finding
from genwright_storage import merkle
from genwright_storage.keys import KeyRing
from genwright_storage.ledger import State
from genwright_storage.notes import ED25519, Head, Note, VerifierKey, opened
from genwright_storage.signing import key_content
from genwright_storage.tables import note, signing_key

__all__ = ["Claims", "Trust"]


@final
class Trust:
    """The keys of a ledger: those that it names, and those of them that are trusted.

    keys: the public keys to trust; none for those in the ring, or for the ledger's first where that knows none
    """

    def __init__(self, connection: Connection, origin: str, ring: KeyRing, keys: Sequence[str]) -> None:
        rows = connection.execute(select(signing_key).order_by(signing_key.c.seq))
        self._keys = [(row, _parsed(row)) for row in rows]
        self.named = [key for _, key in self._keys if key is not None]
        known = [key for key in ring.trusted(origin) if key.name == origin and key.algorithm == ED25519]
        given = [VerifierKey.parse(key) for key in keys] or known or self.named[:1]
        self.trusted = [*given, *self._vouched(given)]
        # What a retired key signs from then on counts no more: it may have been retired because it leaked.
        self.newest = self.trusted[-1:]

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the keys."""
        before: VerifierKey | None = None
        for row, key in self._keys:
            where = f"key {row.verifier}"
            if key is None:
                yield Finding(where=where, trouble="it is no public key")
            elif before is not None and key not in self.trusted:
                yield Finding(where=where, trouble="neither did the key before it sign it, nor is it trusted here")
            before = key

    def _vouched(self, given: Iterable[VerifierKey]) -> Iterator[VerifierKey]:
        """Yield the keys that a trusted one signed, or one that was itself signed so."""
        trusted, before = set(given), None
        for row, key in self._keys:
            if key is not None and before in trusted and _is_vouched(row, before):
                trusted.add(key)
                yield key
            before = key


@final
@dataclass(frozen=True, kw_only=True)
class _Claim:
    """What a head says: that the ledger had this root when it had this size."""

    where: str
    size: int
    root: bytes


@final
class Claims:
    """All heads of a ledger, checked while its entries go by: those that it kept, its last, and those given.

    given: signed heads that were noted elsewhere
    """

    def __init__(self, connection: Connection, end: State, trust: Trust, given: Sequence[str]) -> None:
        self._troubles: list[Finding] = []
        self._trust = trust
        last = self._last(end)
        noted = [claim for text in given if (claim := self._given(text, end.origin)) is not None]
        singles = sorted([*last, *noted], key=attrgetter("size"))
        self._due = heapq.merge(singles, self._kept(connection), key=attrgetter("size"))
        self._next = next(self._due, None)

    def reached(self, edge: merkle.Frontier) -> Iterator[Finding]:
        """Check the heads of the size that the tree has now."""
        while self._next is not None and self._next.size <= edge.size:
            if self._next.size < edge.size or self._next.root != edge.root:
                trouble = f"the ledger of {edge.size} entries has another root: its entries are not those of then"
                yield Finding(where=self._next.where, trouble=trouble)
            self._next = next(self._due, None)

    def finished(self, size: int) -> Iterator[Finding]:
        """Yield what is wrong with heads that the tree of all entries did not reach, and with signatures."""
        while self._next is not None:
            trouble = f"it is of {self._next.size} entries, of which {size} are there: the ledger was cut or put back"
            yield Finding(where=self._next.where, trouble=trouble)
            self._next = next(self._due, None)
        yield from self._troubles

    def _last(self, end: State) -> list[_Claim]:
        where = "the head of the ledger"
        if end.note is None:
            self._troubles.append(Finding(where=where, trouble="it is not signed"))
            return []
        return self._claims(where, end.note, self._trust.newest)

    def _kept(self, connection: Connection) -> Iterator[_Claim]:
        for row in connection.execute(select(note).order_by(note.c.size)):
            where = f"the head kept of {row.size} entries"
            for claim in self._claims(where, row.body, [*self._trust.named, *self._trust.trusted]):
                if (claim.size, claim.root) != (row.size, row.root):
                    self._troubles.append(Finding(where=where, trouble="it was changed after it was kept"))
                # In the order of the rows: what a changed one says comes out as a finding, not out of order.
                yield _Claim(where=where, size=row.size, root=claim.root)

    def _given(self, text: str, origin: str | None) -> _Claim | None:
        where = "the head that was given"
        try:
            head = Head.parse(Note.parse(text).text)
        except ProofError as error:
            self._troubles.append(Finding(where=where, trouble=str(error)))
            return None
        where = f"{where}, of {head.size} entries"
        if head.origin != origin:
            trouble = f"it is of the ledger {head.origin}; this one is {origin or 'without a name'}"
            self._troubles.append(Finding(where=where, trouble=trouble))
        self._claims(where, text, self._trust.trusted)
        return _Claim(where=where, size=head.size, root=head.root)

    def _claims(self, where: str, text: str, keys: Sequence[VerifierKey]) -> list[_Claim]:
        """Return what a note says if it is signed, else nothing, and note the trouble."""
        try:
            head = opened(text, keys)
        except ProofError as error:
            self._troubles.append(Finding(where=where, trouble=str(error)))
            return []
        return [_Claim(where=where, size=head.size, root=head.root)]


def _parsed(row: Row[tuple[object, ...]]) -> VerifierKey | None:
    try:
        return VerifierKey.parse(row.verifier)
    except ProofError:
        return None


def _is_vouched(row: Row[tuple[object, ...]], before: VerifierKey | None) -> bool:
    if before is None or row.proof is None:
        return False
    return before.verify(key_content(row.verifier, row.reason, None), row.proof)
