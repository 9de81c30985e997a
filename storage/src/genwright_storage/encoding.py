"""The bytes that the ledger commits to. They are frozen: golden vectors hold them, and no migration may change them.

Every encoding is a list of fields, the first of which names what is encoded and its version:

    count (u32) | length of each field (u32; 0xFFFFFFFF for None) | the fields, one after another

Integers are 8 bytes, two's complement, floats IEEE 754 binary64; both big-endian. Text is UTF-8. Free text that may be
personal enters as a commitment, a digest salted per row, so that it can be erased and its traces say nothing.
"""

from __future__ import annotations

import hashlib
import math
import struct

__all__ = [
    "VERSION",
    "Field",
    "batch_digest",
    "blind",
    "commitment",
    "digest",
    "encode",
    "entry_leaf",
    "sample_leaf",
    "signed",
    "unsigned",
]

Field = bytes | str | int | float | None

VERSION = 2
"""Of the leaves of new samples. Those of version 1 have no blind."""

_ABSENT = 0xFFFFFFFF
_LENGTHS_1, _LENGTHS_2 = struct.Struct(">13I"), struct.Struct(">14I")
_SAMPLE_NUMBERS = struct.Struct(">qq")


def encode(kind: str, *fields: Field) -> bytes:
    """Return the canonical bytes of the fields."""
    parts = [kind.encode(), *map(_field, fields)]
    lengths = [_ABSENT if part is None else len(part) for part in parts]
    return struct.pack(f">{len(parts) + 1}I", len(parts), *lengths) + b"".join(part or b"" for part in parts)


def digest(kind: str, *fields: Field) -> bytes:
    """Return the SHA-256 of the canonical bytes of the fields."""
    return hashlib.sha256(encode(kind, *fields)).digest()


def commitment(salt: bytes | None, label: bytes, text: bytes) -> bytes:
    """Return the salted digest of a text, or nothing for an empty one.

    salt: 16 random bytes, erased with the text
    """
    # Without its salt, a text that should have one still counts: it was put there afterwards.
    return hashlib.sha256((salt or b"") + label + b"\x00" + text).digest() if text else b""


def sample_leaf(
    run: bytes,
    index: int,
    seed: int,
    media_type: bytes,
    payload: bytes,
    flaw: bytes | None,
    canonical: bytes | None,
    identity: bytes | None,
    reviews: bytes | None,
    parameters: bytes,
    prompt: bytes,
    blind: bytes | None,
) -> bytes:
    """Return the leaf hash of a sample: `encode` of its fields, written out because it runs for every row.

    run:                its id, 32 hexadecimal digits
    payload:            the SHA-256 of the item's bytes
    parameters, prompt: commitments
    blind:              None for version 1, which has no such field
    """
    lengths = (
        19,
        32,
        8,
        8,
        len(media_type),
        32,
        _ABSENT if flaw is None else len(flaw),
        _ABSENT if canonical is None else len(canonical),
        _ABSENT if identity is None else len(identity),
        _ABSENT if reviews is None else len(reviews),
        len(parameters),
        len(prompt),
    )
    found = (flaw or b"") + (canonical or b"") + (identity or b"") + (reviews or b"") + parameters + prompt
    if blind is None:
        head, name = _LENGTHS_1.pack(12, *lengths), b"genwright/sample/v1"
    else:
        head, name, found = _LENGTHS_2.pack(13, *lengths, 32), b"genwright/sample/v2", found + blind
    origin = name + run + _SAMPLE_NUMBERS.pack(index, seed)
    return hashlib.sha256(b"\x00" + head + origin + media_type + payload + found).digest()


def blind(salt: bytes) -> bytes:
    """Return what a leaf of version 2 is blinded with: without the salt, the leaf says nothing of what it commits to.

    It may be told, unlike the salt, of which the commitments would be guessed.
    """
    return hashlib.sha256(salt + b"blind").digest()


def batch_digest(run: str, first: int, last: int, count: int, root: bytes) -> bytes:
    """Return what the ledger commits to for a batch: its run, its range of indices and the root over its leaves."""
    return digest("genwright/batch/v1", run, first, last, count, root)


def entry_leaf(kind: str, ref: str, content: bytes, created_ns: int) -> bytes:
    """Return the leaf hash of an entry of the ledger."""
    return hashlib.sha256(b"\x00" + encode("genwright/entry/v1", kind, ref, content, created_ns)).digest()


def signed(number: int) -> int:
    """Return the signed 64-bit integer with the same bits, as databases keep it."""
    return number - (1 << 64) if number >> 63 == 1 else number


def unsigned(number: int) -> int:
    """Return what `signed` was given."""
    return number & 0xFFFF_FFFF_FFFF_FFFF


def _field(value: Field) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, int):
        return value.to_bytes(8, "big", signed=True)
    if isinstance(value, float):
        return struct.pack(">d", math.nan if math.isnan(value) else value)
    return value
