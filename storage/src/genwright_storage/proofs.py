"""A proof: a file which shows, with nothing but public keys, that a sample is under a signed head.

It leads from the sample's fields to its leaf, to the root of its batch, to the entry of the ledger and to the head. The
file is that of c2sp.org/tlog-proof, whose `extra` line holds what the entry was computed from, as canonical JSON. Of
that line nothing is trusted that does not lead to the head.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar, final

from genwright.errors import ProofError, shown
from genwright_storage import encoding, merkle
from genwright_storage.notes import LARGEST, Head, VerifierKey, from_base64, opened, to_base64

__all__ = ["LEAVES", "BatchPlace", "EntryPlace", "Proof", "SampleFields"]

_HEADER = "c2sp.org/tlog-proof@v1"
_KIND = "genwright/sample-proof/v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_RUN = re.compile(r"[0-9a-f]{32}")
_MOST_HASHES = 64
_SALT = 16

# The versions of leaves.
LEAVES = ("genwright/sample/v1", "genwright/sample/v2")
_BLINDED = "genwright/sample/v2"


@final
@dataclass(frozen=True, kw_only=True)
class SampleFields:
    """What the leaf of a sample is computed from.

    version:            one of LEAVES
    seed:               as in the record, not signed
    payload:            the SHA-256 of the item's bytes
    reviews:            as JSON text
    parameters, prompt: commitments; empty for none
    blind:              32 bytes if the version has them
    """

    version: str
    run: str
    index: int
    seed: int
    media_type: str
    payload: bytes
    flaw: str | None = None
    canonical: str | None = None
    identity: str | None = None
    reviews: str | None = None
    parameters: bytes = b""
    prompt: bytes = b""
    blind: bytes | None = None

    def __post_init__(self) -> None:
        # The encodings take these lengths for granted: others could be made to look like another sample.
        lengths = len(self.payload) == 32 and {len(self.parameters), len(self.prompt)} <= {0, 32}
        is_blinded = (None if self.blind is None else len(self.blind)) == (32 if self.version == _BLINDED else None)
        if self.version not in LEAVES or not _RUN.fullmatch(self.run) or not lengths or not is_blinded:
            raise _malformed(f"a sample of version {shown(self.version)} with a field of the wrong length")
        _check_numbers(self.index)
        # A seed below 0 would have the leaf of another one.
        _check_numbers(self.seed, below=1 << 64)

    @property
    def leaf(self) -> bytes:
        """The hash of the leaf."""
        return encoding.sample_leaf(
            self.run.encode(),
            self.index,
            encoding.signed(self.seed),
            self.media_type.encode(),
            self.payload,
            _bytes(self.flaw),
            _bytes(self.canonical),
            _bytes(self.identity),
            _bytes(self.reviews),
            self.parameters,
            self.prompt,
            self.blind,
        )


@final
@dataclass(frozen=True, kw_only=True)
class BatchPlace:
    """The batch of a sample, and its place in there.

    first, last: the range of indices that the batch covers
    count:       how many samples are in it
    position:    that of the sample among them
    hashes:      lead from its leaf to the root
    """

    first: int
    last: int
    count: int
    root: bytes
    position: int
    hashes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        _check_numbers(self.first, self.last, self.count, self.position)
        _check_hashes(self.root, *self.hashes)

    def content(self, run: str) -> bytes:
        """Return what the ledger commits to for this batch of a run."""
        return encoding.batch_digest(run, self.first, self.last, self.count, self.root)


@final
@dataclass(frozen=True, kw_only=True)
class EntryPlace:
    """The entry of a batch in the ledger, and its place in there.

    index:  its number
    hashes: lead from its leaf to the root of the head
    """

    kind: str
    ref: str
    created_ns: int
    index: int
    hashes: tuple[bytes, ...]

    def __post_init__(self) -> None:
        _check_numbers(self.created_ns, self.index)
        _check_hashes(*self.hashes)

    def leaf(self, content: bytes) -> bytes:
        """Return the hash of the leaf of an entry with this content."""
        return encoding.entry_leaf(self.kind, self.ref, content, self.created_ns)


@final
@dataclass(frozen=True, kw_only=True)
class Proof:
    """All that shows one sample to be under a head.

    note: the signed head
    """

    sample: SampleFields
    batch: BatchPlace
    entry: EntryPlace
    note: str

    def to_text(self) -> str:
        """Return the text of the file."""
        extra = to_base64(_extra(self).encode())
        hashes = "".join(f"{to_base64(one)}\n" for one in self.entry.hashes)
        return f"{_HEADER}\nextra {extra}\nindex {self.entry.index}\n{hashes}\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Return the proof that `to_text` wrote. Raises ProofError if it is malformed; it is not checked yet."""
        if len(text) > LARGEST:
            raise _malformed(f"{len(text):,} characters, more than {LARGEST:,}")
        above, _, note = text.partition("\n\n")
        header, extra, index, *lines = [*above.split("\n"), "", ""][: max(3, above.count("\n") + 1)]
        number, data = _INDEX.fullmatch(index), from_base64(extra.removeprefix("extra "))
        if header != _HEADER or not extra.startswith("extra ") or not number or data is None:
            raise _malformed(f"lines that begin with {shown(header)}, {shown(extra)} and {shown(index)}")
        hashes = tuple(found for line in lines if (found := from_base64(line)))
        proof = _proof(data, index=int(number[1]), hashes=hashes, note=note)
        if proof.to_text() != text:
            raise _malformed("another spelling of it")
        return proof

    def check(self, keys: Iterable[VerifierKey]) -> Head:
        """Return the head under which the sample is. Raises ProofError with the step at which the proof fails.

        keys: those that are trusted, of logs and witnesses
        """
        sample, batch, entry = self.sample, self.batch, self.entry
        where = f"sample {sample.run}/{sample.index}"
        if not batch.first <= sample.index <= batch.last:
            raise _failed(f"{where} is not between {batch.first} and {batch.last}, the ends of its batch")
        if not merkle.is_included(sample.leaf, batch.position, batch.count, batch.hashes, batch.root):
            raise _failed(f"{where} does not lead to the root of its batch")
        if entry.kind != "samples" or entry.ref != f"{sample.run}/{batch.first}":
            raise _failed(f"entry {entry.index} of the ledger is not that of the batch of {where}")
        head = opened(self.note, keys)
        leaf = entry.leaf(batch.content(sample.run))
        if not merkle.is_included(leaf, entry.index, head.size, entry.hashes, head.root):
            raise _failed(f"entry {entry.index} of the ledger, the batch of {where}, does not lead to the signed head")
        return head

    def covers(self, payload: bytes) -> bool:
        """Whether these are the bytes of the sample."""
        return hashlib.sha256(payload).digest() == self.sample.payload

    def discloses(self, *, salt: bytes, prompt: str | None = None, parameters: str | None = None) -> bool:
        """Whether these are the texts that the sample commits to; those not given are not looked at.

        salt: the 16 bytes beside them in the store
        """
        given = [("prompt", prompt, self.sample.prompt), ("parameters", parameters, self.sample.parameters)]
        found = [
            encoding.commitment(salt, label.encode(), text.encode()) == committed
            for label, text, committed in given
            if text is not None
        ]
        return len(salt) == _SALT and bool(found) and all(found)


# JSON has no bytes: digests are spelled as hexadecimal, as other programs print them.
_OUTER = ("index", "hashes")


def _extra(proof: Proof) -> str:
    """Return what is proven, as the one spelling of JSON that is read back."""
    entry = {name: value for name, value in _spelled(proof.entry).items() if name not in _OUTER}
    found = {"kind": _KIND, "sample": _spelled(proof.sample), "batch": _spelled(proof.batch), "entry": entry}
    return json.dumps(found, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _spelled(part: SampleFields | BatchPlace | EntryPlace) -> dict[str, Any]:
    return {one.name: _json(getattr(part, one.name)) for one in fields(part)}


def _json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [one.hex() for one in value]
    return value.hex() if isinstance(value, bytes) else value


def _proof(data: bytes, *, index: int, hashes: tuple[bytes, ...], note: str) -> Proof:
    try:
        found = json.loads(data)
        kind, sample, batch, entry = (found[name] for name in ("kind", "sample", "batch", "entry"))
        parts = _part(SampleFields, sample), _part(BatchPlace, batch)
        place = _part(EntryPlace, entry | {"index": index, "hashes": [one.hex() for one in hashes]})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _malformed("an extra line without the fields of a sample, its batch and its entry") from error
    if kind != _KIND:
        raise _malformed(f"one of kind {shown(kind)}, which may be of a newer version")
    return Proof(sample=parts[0], batch=parts[1], entry=place, note=note)


_Part = TypeVar("_Part", SampleFields, BatchPlace, EntryPlace)
_TYPES: dict[str, Any] = {"str": str, "int": int, "bytes": str, "tuple[bytes, ...]": list}


def _part(kind: type[_Part], found: Mapping[str, Any]) -> _Part:
    """Return a part of the proof from JSON. Raises ValueError or TypeError unless each field is there, of its type."""
    values = {one.name: _value(str(one.type), found[one.name]) for one in fields(kind)}
    return kind(**values)


def _value(kind: str, found: Any) -> Any:
    wanted = kind.removesuffix(" | None")
    if found is None and wanted != kind:
        return None
    # Exactly: True is an int to isinstance.
    if type(found) is not _TYPES[wanted]:
        raise TypeError
    if wanted == "str":
        # Half of a character is text to JSON and no text to anything else.
        found.encode()
    if wanted == "tuple[bytes, ...]":
        return tuple(map(bytes.fromhex, found))
    return bytes.fromhex(found) if wanted == "bytes" else found


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _check_numbers(*numbers: int, below: int = 1 << 63) -> None:
    if not all(0 <= number < below for number in numbers):
        raise _malformed(f"numbers out of range: {shown(numbers)}")


def _check_hashes(*hashes: bytes) -> None:
    if len(hashes) > _MOST_HASHES + 1 or any(len(one) != 32 for one in hashes):
        raise _malformed(f"{len(hashes)} hashes; each is of 32 bytes, and at most {_MOST_HASHES} lead to a root")


def _malformed(got: str) -> ProofError:
    return ProofError(f"a proof is a file that audit prove wrote, of up to 1 MiB; got {got}. Ask for it again.")


def _failed(trouble: str) -> ProofError:
    return ProofError(f"the proof should lead from a sample to a signed head; {trouble}. Do not rely on it.")
