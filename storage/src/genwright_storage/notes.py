"""Signed heads: what a log says of itself in a few lines of text, and who signs it.

A note is text, an empty line, and a line for each signature. A head is a note of which the first three lines are the
log's origin, its size and its root. A witness cosigns a head with the time at which it saw it.

Source: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from genwright.errors import ProofError, shown

__all__ = [
    "COSIGNATURE",
    "ED25519",
    "LARGEST",
    "Head",
    "Note",
    "Signature",
    "SigningKey",
    "VerifierKey",
    "cosign",
    "from_base64",
    "is_key_name",
    "opened",
    "signed_note",
    "to_base64",
    "witnessed",
]

# The first byte of a key says how it signs: a text as it is, or with the time at which a witness saw it.
ED25519, COSIGNATURE = 1, 4
LARGEST = 1 << 20
_MOST_SIGNATURES = 100
_LONGEST_NAME = 1000
_KEY = re.compile(r"([^+]+)\+([0-9a-f]{8})\+(.+)", re.DOTALL)
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
# All below the space except the end of a line.
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DASH = "\u2014 "


@final
@dataclass(frozen=True, kw_only=True)
class VerifierKey:
    """A public key by its name, which checks signatures.

    algorithm: ED25519 for the key of a log, COSIGNATURE for that of a witness
    """

    name: str
    public: bytes
    algorithm: int = ED25519

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != 32 or self.algorithm not in (ED25519, COSIGNATURE):
            got = f"{len(self.public)} bytes and algorithm {self.algorithm}"
            raise ProofError(
                f"a public key is 32 bytes of Ed25519, algorithm 1 or 4; got {got}. Ask for the key again."
            )

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Return the key that `str` wrote: name, id and bytes, joined by "+"."""
        found = _KEY.fullmatch(text)
        data = from_base64(found[3]) if found else None
        if found and data:
            key = cls(name=found[1], public=data[1:], algorithm=data[0])
            if key.id.hex() == found[2]:
                return key
        wanted = "name+id+base64, and the id that of its name and bytes"
        raise ProofError(f"a public key is {wanted}; got {shown(text)}. Copy the whole line.")

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{to_base64(bytes([self.algorithm]) + self.public)}"

    @cached_property
    def id(self) -> bytes:
        """Four bytes by which a signature names its key."""
        return hashlib.sha256(self.name.encode() + bytes([0x0A, self.algorithm]) + self.public).digest()[:4]

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed the message; the signature of a witness has the time before it."""
        if self.algorithm == COSIGNATURE:
            time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            message = _timed(message, time)
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class SigningKey:
    """A private key by its name; a log's name is its origin."""

    name: str
    private: Ed25519PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name)

    @classmethod
    def generate(cls, name: str) -> SigningKey:
        """Return a new key."""
        return cls(name=name, private=Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, name: str, data: bytes) -> SigningKey:
        """Return the key that `to_pem` wrote."""
        try:
            private = load_pem_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        if not isinstance(private, Ed25519PrivateKey):
            advice = "Restore it from a backup, or replace the key"
            raise ProofError(f"the private key of {shown(name)} should be Ed25519 in PEM; it cannot be read. {advice}.")
        return cls(name=name, private=private)

    def to_pem(self) -> bytes:
        """Return the private key in PKCS #8, not encrypted."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    @cached_property
    def verifier(self) -> VerifierKey:
        """The public key of a log."""
        return VerifierKey(name=self.name, public=self._public)

    @property
    def witness(self) -> VerifierKey:
        """The public key of a witness."""
        return VerifierKey(name=self.name, public=self._public, algorithm=COSIGNATURE)

    @property
    def _public(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, data: bytes) -> bytes:
        """Return the 64 bytes of the signature."""
        return self.private.sign(data)

    def signature(self, text: str) -> Signature:
        """Return the signature of a log under a text."""
        return Signature(name=self.name, id=self.verifier.id, data=self.sign(text.encode()))


@final
@dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature of a note: the name and id of a key, and what it signed with."""

    name: str
    id: bytes
    data: bytes

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Return the signature of a line."""
        name, _, text = line.removeprefix(_DASH).partition(" ")
        data = from_base64(text)
        if not line.startswith(_DASH) or not is_key_name(name) or data is None or len(data) < 5:
            raise _malformed(f"the line of a signature {shown(line)}")
        return cls(name=name, id=data[:4], data=data[4:])

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {to_base64(self.id + self.data)}"

    @property
    def time(self) -> int:
        """When a witness saw it, in seconds since 1970; only cosignatures have one."""
        return int.from_bytes(self.data[:8], "big")


@final
@dataclass(frozen=True, kw_only=True)
class Note:
    """A text and its signatures, of which none was checked yet."""

    text: str
    signatures: tuple[Signature, ...]

    @classmethod
    def parse(cls, note: str) -> Note:
        """Return the note that `str` wrote. Raises ProofError if it is malformed."""
        if len(note) > LARGEST:
            raise _malformed(f"{len(note):,} characters, more than {LARGEST:,}")
        if not _is_plain(note):
            raise _malformed("characters that no note may have")
        text, _, below = note.rpartition("\n\n")
        if not text or not below.endswith("\n"):
            raise _malformed("no signatures below an empty line")
        lines = below[:-1].split("\n")
        if len(lines) > _MOST_SIGNATURES:
            raise _malformed(f"{len(lines):,} signatures, more than {_MOST_SIGNATURES}")
        return cls(text=f"{text}\n", signatures=tuple(map(Signature.parse, lines)))

    def __str__(self) -> str:
        return f"{self.text}\n" + "".join(f"{signature}\n" for signature in self.signatures)

    def verified(self, keys: Iterable[VerifierKey]) -> list[tuple[VerifierKey, Signature]]:
        """Return the signatures by known keys. Raises ProofError if one of them does not hold; others are ignored."""
        known: dict[tuple[str, bytes], list[VerifierKey]] = {}
        for key in keys:
            known.setdefault((key.name, key.id), []).append(key)
        message, found = self.text.encode(), []
        for signature in self.signatures:
            if named := known.get((signature.name, signature.id)):
                # An id is short: two keys may share it, and either may have signed.
                signer = next((key for key in named if key.verify(message, signature.data)), None)
                if signer is None:
                    raise _unsigned(self.text, f"that by {signature.name}+{signature.id.hex()} does not hold")
                found.append((signer, signature))
        return found


@final
@dataclass(frozen=True, kw_only=True)
class Head:
    """What a log was at one moment.

    origin:     the name of the log
    extensions: further lines, which are signed and mean nothing here
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lines = (self.origin, *self.extensions)
        is_plain = all(line and "\n" not in line and _is_plain(line) for line in lines)
        if not is_plain or not 0 <= self.size < 1 << 63 or len(self.root) != 32:
            got = f"{shown(self.origin)}, size {shown(self.size)}, {len(self.root)} bytes and {shown(self.extensions)}"
            raise ProofError(f"a head is an origin of one line, a size and a root of 32 bytes; got {got}. Correct it.")

    @property
    def text(self) -> str:
        """The text that is signed."""
        return "".join(f"{line}\n" for line in (self.origin, self.size, to_base64(self.root), *self.extensions))

    @classmethod
    def parse(cls, text: str) -> Head:
        """Return the head of a text. Raises ProofError if it is none."""
        origin, size, root, *extensions = (*text.split("\n"), "", "")[: max(3, text.count("\n"))]
        data = from_base64(root)
        if not text.endswith("\n") or not _DECIMAL.fullmatch(size) or data is None:
            raise _malformed(f"{shown(text)}, which is not an origin, a size and a root, one a line")
        return cls(origin=origin, size=int(size), root=data, extensions=tuple(extensions))


def signed_note(text: str, *signatures: Signature) -> str:
    """Return the note of a text and its signatures."""
    note = str(Note(text=text, signatures=signatures))
    Note.parse(note)
    return note


def cosign(key: SigningKey, text: str, time: int) -> Signature:
    """Return the signature of a witness under the text of a head.

    time: when it saw the head, in seconds since 1970
    """
    data = time.to_bytes(8, "big") + key.sign(_timed(text.encode(), time))
    return Signature(name=key.name, id=key.witness.id, data=data)


def opened(note: str, keys: Iterable[VerifierKey]) -> Head:
    """Return the head of a note which a known key of its log signed.

    Raises ProofError if the note is malformed, if no known key of its log signed it, or if a signature by a known key,
    be it of a witness, does not hold.
    """
    parsed = Note.parse(note)
    head, verified = Head.parse(parsed.text), parsed.verified(keys)
    # The key of another log, or of a witness, does not speak for this one.
    if not any(key.name == head.origin and key.algorithm == ED25519 for key, _ in verified):
        raise _unsigned(parsed.text, "none is by a known key of that log")
    return head


def witnessed(note: str, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int]:
    """Return which of the known witnesses cosigned a note, and when each last saw it, in seconds since 1970.

    Raises ProofError if the note is malformed or a signature by a known key does not hold.
    """
    found: dict[VerifierKey, int] = {}
    for key, signature in Note.parse(note).verified(keys):
        if key.algorithm == COSIGNATURE:
            found[key] = max(signature.time, found.get(key, 0))
    return found


def to_base64(data: bytes) -> str:
    """Return the bytes as base64."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes | None:
    """Return the bytes of base64, or None if it is not exactly what `to_base64` writes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if to_base64(data) == text else None


def is_key_name(name: str) -> bool:
    """Whether a key may have this name: no spaces, plus signs or control characters, and not empty."""
    is_short = 0 < len(name) <= _LONGEST_NAME
    return is_short and _is_plain(name) and not any(letter.isspace() or letter == "+" for letter in name)


def _check_name(name: str) -> None:
    if not is_key_name(name):
        wanted = f"1 to {_LONGEST_NAME:,} characters without spaces and plus signs"
        raise ProofError(f"the name of a key is {wanted}; got {shown(name)}. Choose one such as example.org/store.")


def _timed(text: bytes, time: int) -> bytes:
    """Return what a witness signs."""
    return b"cosignature/v1\ntime %d\n" % time + text


def _is_plain(text: str) -> bool:
    """Whether a text is UTF-8 without control characters other than the end of a line."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return not _CONTROL.search(text)


def _malformed(got: str) -> ProofError:
    return ProofError(f"a signed head is text, an empty line and signatures; got {got}. Ask for it again.")


def _unsigned(text: str, trouble: str) -> ProofError:
    origin = shown(text.partition("\n")[0])
    return ProofError(f"the head of {origin} needs a signature to be trusted; {trouble}. Do not rely on it.")
