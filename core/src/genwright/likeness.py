"""How near fingerprints are to one another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8
from numpy import ndarray

from genwright.domain import Domain
from genwright.errors import GenwrightError, PluginError
from genwright.query import Like

__all__ = ["covers", "distances", "fingerprint_matrix", "fingerprints_of", "is_in", "is_near", "item_of", "value_of"]

_TOGETHER = 1 << 20


def fingerprint_matrix(fingerprints: list[bytes]) -> UInt8[ndarray, "N W"]:
    """Return fingerprints of one length as the rows of an array. Raises PluginError for several lengths."""
    lengths = sorted({len(bits) for bits in fingerprints})
    if len(lengths) > 1:
        raise PluginError(
            f"fingerprints of a kind are of one length; got some of {lengths[0]} and some of {lengths[-1]} bytes. "
            "Tell the author of the plugin."
        )
    width = lengths[0] if lengths else 0
    return np.frombuffer(b"".join(fingerprints), dtype=np.uint8).reshape(len(fingerprints), width)


def item_of(domain: Domain[Any], payload: bytes) -> Any | None:
    """Return the item of a payload, or None where it is none of the domain."""
    try:
        return domain.from_bytes(payload)
    except (GenwrightError, ValueError, OSError, SyntaxError):  # the last is what Pillow says of a damaged PNG
        return None


def fingerprints_of(domain: Domain[Any], payloads: Sequence[bytes]) -> Mapping[str, Sequence[bytes | None]]:
    """Return the fingerprints of each payload, of each kind of a domain; None where it is no item or has none."""
    found: dict[str, list[bytes | None]] = {}
    for group in _groups(payloads):
        items = [item_of(domain, payload) for payload in group]
        for kind, fingerprints in domain.fingerprints([item for item in items if item is not None]).items():
            rest = iter(fingerprints)
            found.setdefault(kind, []).extend(None if item is None else next(rest) for item in items)
    return found


def _groups(payloads: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield payloads, so many at once as may be read together: an image takes a hundred times the bytes of its file."""
    start, total = 0, 0
    for place, payload in enumerate(payloads):
        total += len(payload)
        if total > _TOGETHER and place > start:
            yield payloads[start:place]
            start, total = place, len(payload)
    yield payloads[start:]


def is_in(domain: Domain[Any], test: Callable[[Any], bool], payload: bytes) -> bool:
    """Whether a payload is an item that contains what is asked for."""
    item = item_of(domain, payload)
    return item is not None and test(item)


def distances(like: Like, others: UInt8[ndarray, "N W"]) -> Float64[ndarray, " N"]:
    """Return how far fingerprints are from the one that is asked for: 0 for the same, as `value_of` reads it."""
    wanted = np.frombuffer(like.bits, dtype=np.uint8)
    if wanted.shape != others.shape[1:]:
        return np.full(len(others), np.inf)
    if like.measure == "hamming":
        return _ones(others ^ wanted).astype(np.float64)
    shared, sizes = _ones(others & wanted), _ones(others)
    union = sizes + int(_ones(wanted[None])[0]) - shared
    # Two items without any bit are alike.
    return -np.where(union > 0, shared / np.maximum(union, 1), 1.0)


def value_of(like: Like, distance: float) -> float:
    """Return what people know a distance as: the similarity for "tanimoto", the number of bits for "hamming"."""
    return distance if like.measure == "hamming" else -distance


def is_near(like: Like, found: Float64[ndarray, " N"]) -> Bool[ndarray, " N"]:
    """Return which distances are within the bound."""
    near: Bool[ndarray, " N"] = found <= (like.bound if like.measure == "hamming" else -like.bound)
    return near


def covers(bits: bytes, others: UInt8[ndarray, "N W"]) -> Bool[ndarray, " N"]:
    """Return which fingerprints have all of the bits."""
    wanted = np.frombuffer(bits, dtype=np.uint8)
    if wanted.shape != others.shape[1:]:
        return np.zeros(len(others), dtype=np.bool_)
    wide = _wide(others)
    covered: Bool[ndarray, " N"] = ((wide & _wide(wanted[None])) == _wide(wanted[None])).all(axis=1)
    return covered


def _ones(bits: UInt8[ndarray, "N W"]) -> Int64[ndarray, " N"]:
    """Return how many bits are set in each row."""
    ones: Int64[ndarray, " N"] = _count(_wide(bits)).sum(axis=1, dtype=np.int64)
    return ones


def _wide(bits: UInt8[ndarray, "N W"]) -> Any:
    """Return the same bits, eight bytes to a number where the length allows."""
    width = bits.shape[1]
    return np.ascontiguousarray(bits).view(np.uint64) if width and width % 8 == 0 else bits


def _count(words: Any) -> Any:
    """Return the number of set bits of each word."""
    if hasattr(np, "bitwise_count"):
        return np.bitwise_count(words)
    return np.unpackbits(words.view(np.uint8), axis=1)  # numpy 1.26: as many ones, one by one
