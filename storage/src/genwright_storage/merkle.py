"""Merkle trees of an append-only log: roots, the frontier that grows them, and proofs.

Everything here is a function of bytes. A tree over n leaves splits at the largest power of two below n, so a tree that
grew is a prefix of itself and can be proven to be one.

Source: RFC 6962, section 2.1; RFC 9162, sections 2.1.3 and 2.1.4.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import final

from genwright.errors import StoreError

__all__ = [
    "EMPTY_ROOT",
    "TILE",
    "Frontier",
    "Reader",
    "consistency_from",
    "consistency_proof",
    "inclusion_from",
    "inclusion_proof",
    "is_consistent",
    "is_included",
    "leaf_hash",
    "node_hash",
    "root",
    "root_from",
    "tiles_reader",
]

# Gives the root of a perfect subtree by its level, 0 for leaves, and its index among those of its level.
Reader = Callable[[int, int], bytes]

# As in the tlog-tiles format, so that a log can later be served as files: a tile stands for eight levels of the tree.
TILE, _LEVELS = 256, 8

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf; its prefix keeps leaves apart from nodes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    if not leaves:
        return EMPTY_ROOT
    sha256, level = hashlib.sha256, list(leaves)
    while len(level) > 1:
        # Pairing neighbours and carrying the odd one up is the split at powers of two, from below.
        odd = level[-1:] if len(level) % 2 else []
        pairs = iter(level)
        level = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)] + odd
    return level[0]


@final
class Frontier:
    """The right edge of a growing tree: enough to append to it and to know its root, in log n hashes.

    hashes: roots of the perfect subtrees, the largest first; one per bit of `size`
    """

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        assert len(self.hashes) == size.bit_count()

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash on the right."""
        carry = self.size
        while carry & 1:
            leaf = node_hash(self.hashes.pop(), leaf)
            carry >>= 1
        self.hashes.append(leaf)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root over all leaves so far."""
        if not self.hashes:
            return EMPTY_ROOT
        right, *rest = reversed(self.hashes)
        for left in rest:
            right = node_hash(left, right)
        return right


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the hashes that lead from the leaf at `index` to the root, the lowest first."""
    assert 0 <= index < len(leaves)
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), root(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), root(leaves[:split])]


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof shows that `leaf` is at `index` of the tree of `size` leaves with this root."""
    if not 0 <= index < size:
        return False
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and found == root


def consistency_proof(leaves: Sequence[bytes], size: int) -> list[bytes]:
    """Return the hashes which show that the tree over the first `size` leaves is a prefix of the tree over all."""
    assert 0 < size <= len(leaves)
    return _consistency(leaves, size, True)


def is_consistent(old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes) -> bool:
    """Whether the proof shows that the tree of `old_size` leaves is a prefix of the tree of `size` leaves."""
    if not 0 < old_size <= size:
        return False
    if old_size == size:
        return not proof and old_root == root
    node, last = old_size - 1, size - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    # A perfect old tree is itself the first node of the proof, and is left out of it.
    hashes = iter(proof if node else [old_root, *proof])
    found = old = next(hashes, b"")
    for sibling in hashes:
        if last == 0:
            return False
        if node & 1 or node == last:
            found, old = node_hash(sibling, found), node_hash(sibling, old)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old == old_root and found == root


def root_from(read: Reader, size: int) -> bytes:
    """Return the root over the first `size` leaves; it reads one subtree for each bit of `size`."""
    return _root_between(read, 0, size)


def inclusion_from(read: Reader, index: int, size: int) -> list[bytes]:
    """Return what `inclusion_proof` does for the first `size` leaves; it reads at most 2 log n subtrees."""
    assert 0 <= index < size
    start, end, proof = 0, size, []
    while end - start > 1:
        split = start + _split(end - start)
        if index < split:
            proof.append(_root_between(read, split, end))
            end = split
        else:
            proof.append(_root_between(read, start, split))
            start = split
    return proof[::-1]


def consistency_from(read: Reader, old: int, size: int) -> list[bytes]:
    """Return what `consistency_proof` of `old` does for the first `size` leaves; it reads at most 2 log n subtrees."""
    assert 0 < old <= size
    start, end, proof = 0, size, []
    while old < end:
        split = start + _split(end - start)
        if old <= split:
            proof.append(_root_between(read, split, end))
            end = split
        else:
            proof.append(_root_between(read, start, split))
            start = split
    # An old tree that is a whole subtree from the first leaf on is known to who checks.
    return [_root_between(read, start, end), *proof[::-1]] if start else proof[::-1]


def tiles_reader(tile: Callable[[int, int, int], Sequence[bytes]]) -> Reader:
    """Return a reader of a log that is kept in tiles, each of which it asks for once while enough of it was read.

    tile:   returns the hashes of a tile by its level, its index and how many are needed; more do no harm. Tiles of
            level L hold the roots of the subtrees at level 8 L of the tree, 256 to a full tile
    result: computes the subtrees between from up to 128 hashes; it remembers tiles, so it is for one proof or two

    Raises StoreError if a tile is too short.
    """
    tiles: dict[tuple[int, int], Sequence[bytes]] = {}

    def read(level: int, index: int) -> bytes:
        upper, within = divmod(level, _LEVELS)
        number, first = divmod(index << within, TILE)
        last = first + (1 << within)
        hashes = tiles.get((upper, number), ())
        if len(hashes) < last:
            hashes = tiles[upper, number] = tile(upper, number, last)
        if len(hashes) < last:
            got = f"it has {len(hashes)}. Restore a backup, or name what is wrong with: genwright audit verify"
            raise StoreError(f"tile {number} of level {upper} of the ledger should have {last} hashes; {got}.")
        return root(hashes[first:last])

    return read


def _root_between(read: Reader, start: int, end: int) -> bytes:
    """Return the root over some leaves, of which `start` begins a subtree of the tree."""
    hashes, size = [], end - start
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            hashes.append(read(level, start >> level))
            start += 1 << level
    return Frontier(size, hashes).root


def _split(size: int) -> int:
    """Return the largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _consistency(leaves: Sequence[bytes], size: int, whole: bool) -> list[bytes]:
    """Return the proof; `whole` says that the old tree is a whole subtree whose root the verifier knows."""
    if size == len(leaves):
        return [] if whole else [root(leaves)]
    split = _split(len(leaves))
    if size <= split:
        return [*_consistency(leaves[:split], size, whole), root(leaves[split:])]
    return [*_consistency(leaves[split:], size - split, False), root(leaves[:split])]
