"""Who signs the heads of a ledger: the key of its store, which never signs what contradicts the last head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from sqlalchemy import Connection, insert

from genwright.errors import KeyMissing, ProofError, StoreError
from genwright_storage import encoding, merkle
from genwright_storage.keys import KeyRing
from genwright_storage.notes import Head, Note, SigningKey, VerifierKey, opened
from genwright_storage.tables import signing_key

if TYPE_CHECKING:
    from genwright_storage.ledger import State

__all__ = ["Signer", "key_content"]

_VERIFIER = "SELECT verifier FROM signing_key ORDER BY seq DESC LIMIT 1"


@final
class Signer:
    """Signs with the newest key that a ledger names, as far as the ring has it.

    Where `raw` is taken, it is a connection of the driver: this runs for every call that writes.
    """

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._key: tuple[str, SigningKey] | None = None
        self._signed: tuple[str, int, bytes] | None = None

    def key(self, raw: Any, end: State) -> SigningKey:
        """Return the key of the store, read once, and anew when another process replaced it.

        Raises KeyMissing if it is not on this machine, StoreError if the ledger does not say which one it is.
        """
        origin, verifier = _named(raw, end)
        if self._key is None or self._key[0] != verifier:
            self._key = verifier, self._found(origin, verifier)
        return self._key[1]

    def next_key(self, raw: Any, end: State, reason: str) -> tuple[SigningKey, bytes | None]:
        """Return a new key, prepared in the ring, and the signature under it of the key so far, if it is here."""
        origin, verifier = _named(raw, end)
        old, new = self._ring.held(origin, verifier), self._ring.prepare(origin)
        return new, None if old is None else old.sign(key_content(str(new.verifier), reason, None))

    def add_key(self, connection: Connection, key: SigningKey, reason: str, *, proof: bytes | None, seq: int) -> None:
        """Sign with another key from now on, of which an entry of the ledger has the number `seq`."""
        verifier = str(key.verifier)
        values = {"verifier": verifier, "reason": reason, "proof": proof, "seq": seq}
        connection.execute(insert(signing_key), values)
        self._key = verifier, key

    def check(self, raw: Any, end: State) -> None:
        """Raise StoreError unless the last head is signed and over the edge: nothing is signed that contradicts it."""
        # What this process signed last need not be checked again; that takes longer than to sign.
        if end.note is None or _mark(end.note, end.edge) == self._signed:
            return
        _, verifier = _named(raw, end)
        try:
            head = opened(end.note, [VerifierKey.parse(verifier)])
        except ProofError as error:
            raise StoreError(f"the ledger is moved on from its signed head, which is damaged: {error}") from error
        if (head.size, head.root) != (end.edge.size, end.edge.root):
            raise StoreError(
                f"the ledger is moved on from its signed head; that is of {head.size} entries with another root than "
                f"its {end.edge.size} have. Name what is wrong with: genwright audit verify."
            )

    def sign(self, key: SigningKey, edge: merkle.Frontier) -> str:
        """Return the signed head over the edge of the tree."""
        text = Head(origin=key.name, size=edge.size, root=edge.root).text
        note = str(Note(text=text, signatures=(key.signature(text),)))
        self._signed = _mark(note, edge)
        return note

    def _found(self, origin: str, verifier: str) -> SigningKey:
        key = self._ring.held(origin, verifier)
        if key is None:
            there = "none is" if self._ring.signing(origin) is None else "another is"
            raise KeyMissing(
                f"the ledger {origin} is signed by {verifier}; in {self._ring.folder} {there}. Copy the key's file "
                f"there from where the store was made, or let a new one sign: genwright store rotate-key."
            )
        return key


def key_content(verifier: str, reason: str, proof: bytes | None) -> bytes:
    """Return what the ledger commits to for a key.

    proof: the signature of the key before it over these bytes without one
    """
    return encoding.digest("genwright/key/v1", verifier, reason, proof)


def _named(raw: Any, end: State) -> tuple[str, str]:
    """Return the origin that the head names, and the newest key of the ledger."""
    verifier = raw.execute(_VERIFIER).fetchone()
    if verifier is None or end.origin is None:
        raise StoreError(
            "the ledger should name its key and have a signed head; one of them is gone. "
            "Restore a backup, or name all that is wrong with: genwright audit verify."
        )
    return end.origin, verifier[0]


def _mark(note: str, edge: merkle.Frontier) -> tuple[str, int, bytes]:
    return note, edge.size, b"".join(edge.hashes)
