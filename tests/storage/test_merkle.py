import hashlib
import math
import random
from collections import Counter
from collections.abc import Sequence

import pymerkle
import pytest

from genwright.errors import StoreError
from genwright_storage import merkle

LEAVES = [merkle.leaf_hash(bytes([n])) for n in range(70)]


def defined(leaves: Sequence[bytes]) -> bytes:
    """The root by its definition in RFC 6962, section 2.1."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + defined(leaves[:k]) + defined(leaves[k:])).digest()


# The eight inputs and the roots that implementations of Certificate Transparency are tested with.
INPUTS = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243")]
INPUTS += [bytes.fromhex("5051525354555657"), bytes.fromhex("606162636465666768696a6b6c6d6e6f")]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def test_roots_are_those_of_certificate_transparency() -> None:
    leaves = [merkle.leaf_hash(data) for data in INPUTS]
    assert [merkle.root(leaves[:size]).hex() for size in range(1, 9)] == list(ROOTS)


@pytest.mark.parametrize("size", range(len(LEAVES) + 1))
def test_roots_are_those_of_the_definition(size: int) -> None:
    assert merkle.root(LEAVES[:size]) == defined(LEAVES[:size])


def test_the_frontier_has_the_root_of_all_leaves_so_far() -> None:
    edge = merkle.Frontier()
    for size, leaf in enumerate(LEAVES):
        assert edge.root == merkle.root(LEAVES[:size])
        edge = merkle.Frontier(edge.size, edge.hashes)
        edge.append(leaf)
        assert len(edge.hashes) == edge.size.bit_count()


def test_every_leaf_of_every_tree_is_shown_to_be_included() -> None:
    for size in range(1, len(LEAVES) + 1):
        root = merkle.root(LEAVES[:size])
        for index in range(size):
            proof = merkle.inclusion_proof(LEAVES[:size], index)
            assert len(proof) <= (size - 1).bit_length()
            assert merkle.is_included(LEAVES[index], index, size, proof, root)


def test_every_tree_is_shown_to_be_a_prefix_of_every_larger_one() -> None:
    roots = [merkle.root(LEAVES[:size]) for size in range(len(LEAVES) + 1)]
    for size in range(1, len(LEAVES) + 1):
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(LEAVES[:size], old)
            assert merkle.is_consistent(old, size, proof, roots[old], roots[size])


def test_no_forged_proof_of_inclusion_is_accepted() -> None:
    chance = random.Random(0)
    for _ in range(2000):
        size = chance.randrange(2, len(LEAVES))
        index, other = chance.sample(range(size), 2)
        root, proof = merkle.root(LEAVES[:size]), merkle.inclusion_proof(LEAVES[:size], index)
        assert not merkle.is_included(LEAVES[other], index, size, proof, root)
        assert not merkle.is_included(LEAVES[index], other, size, proof, root)
        assert not merkle.is_included(LEAVES[index], index, size, proof[:-1], root)
        assert not merkle.is_included(LEAVES[index], index, size, [*proof, LEAVES[0]], root)
        assert not merkle.is_included(LEAVES[index], index, size, proof, LEAVES[0])
    assert not merkle.is_included(LEAVES[0], 1, 1, [], LEAVES[0])


def test_no_forged_proof_of_consistency_is_accepted() -> None:
    chance = random.Random(0)
    for _ in range(2000):
        old, size = sorted(chance.sample(range(1, len(LEAVES)), 2))
        roots = merkle.root(LEAVES[:old]), merkle.root(LEAVES[:size])
        changed = merkle.root([LEAVES[-1], *LEAVES[1:old]])
        proof = merkle.consistency_proof(LEAVES[:size], old)
        assert not merkle.is_consistent(old, size, proof, changed, roots[1])
        assert not merkle.is_consistent(old, size, proof, roots[0], LEAVES[0])
        assert not merkle.is_consistent(old, size, proof[:-1], *roots)
        assert not merkle.is_consistent(old, size, [*proof, LEAVES[0]], *roots)
    assert not merkle.is_consistent(0, 1, [], merkle.EMPTY_ROOT, LEAVES[0])
    assert not merkle.is_consistent(1, 1, [LEAVES[0]], LEAVES[0], LEAVES[0])
    assert not merkle.is_consistent(2, 1, [], LEAVES[0], LEAVES[0])


def test_a_leaf_is_never_taken_for_a_node() -> None:
    node = b"".join(LEAVES[:2])
    assert merkle.leaf_hash(node) != merkle.node_hash(*LEAVES[:2])


class Levels:
    """Every perfect subtree over some leaves, by level; it counts what is read."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.levels, self.reads, self.tiles = [list(leaves)], 0, set[tuple[int, int]]()
        while len(self.levels[-1]) > 1:
            pairs = iter(self.levels[-1])
            self.levels.append([merkle.node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)])

    def read(self, level: int, index: int) -> bytes:
        self.reads += 1
        return self.levels[level][index]

    def tile(self, level: int, index: int, width: int) -> Sequence[bytes]:
        self.tiles.add((level, index))
        assert 0 < width <= merkle.TILE
        return self.levels[8 * level][index * merkle.TILE :][:width]


MANY = Levels([hashlib.sha256(bytes([0]) + n.to_bytes(4, "big")).digest() for n in range(100_000)])


def test_roots_and_proofs_from_subtrees_are_those_from_all_leaves() -> None:
    leaves = MANY.levels[0][:300]
    for size in range(1, 301):
        assert merkle.root_from(MANY.read, size) == merkle.root(leaves[:size])
        for index in range(0, size, 1 + size // 40):
            assert merkle.inclusion_from(MANY.read, index, size) == merkle.inclusion_proof(leaves[:size], index)
            assert merkle.consistency_from(MANY.read, index + 1, size) == merkle.consistency_proof(
                leaves[:size], index + 1
            )
    assert merkle.root_from(MANY.read, 0) == merkle.EMPTY_ROOT


def test_proofs_from_tiles_are_those_from_all_leaves_of_large_trees() -> None:
    chance = random.Random(0)
    sizes = [255, 256, 257, 65_535, 65_536, 65_537, *(chance.randrange(1, 100_000) for _ in range(14))]
    for size in sizes:
        leaves, index, old = MANY.levels[0][:size], chance.randrange(size), chance.randrange(1, size + 1)
        read = merkle.tiles_reader(MANY.tile)
        assert merkle.root_from(read, size) == merkle.root(leaves)
        assert merkle.inclusion_from(read, index, size) == merkle.inclusion_proof(leaves, index)
        assert merkle.consistency_from(read, old, size) == merkle.consistency_proof(leaves, old)


def test_a_proof_reads_few_subtrees_and_fewer_tiles() -> None:
    chance = random.Random(0)
    for _ in range(200):
        old, size = sorted(chance.sample(range(1, 100_001), 2))
        subtrees = 2 * math.ceil(math.log2(size)) + 1
        for prove in (merkle.inclusion_from, merkle.consistency_from):
            MANY.reads = 0
            prove(MANY.read, old, size)
            assert MANY.reads <= subtrees
            MANY.tiles.clear()
            prove(merkle.tiles_reader(MANY.tile), old, size)
            # At each of three levels that of the leaf, and that at the right edge.
            assert len(MANY.tiles) <= 6


def test_a_tile_is_asked_for_once() -> None:
    asked: Counter[tuple[int, int]] = Counter()

    def tile(level: int, index: int, width: int) -> Sequence[bytes]:
        asked[level, index] += 1
        return MANY.tile(level, index, merkle.TILE)

    merkle.inclusion_from(merkle.tiles_reader(tile), 12_345, 99_999)
    assert asked
    assert set(asked.values()) == {1}


def test_a_tile_that_is_too_short_is_named() -> None:
    with pytest.raises(StoreError, match=r"tile 0 of level 0 of the ledger should have 128 hashes; it has 5\. Restore"):
        merkle.root_from(merkle.tiles_reader(lambda level, index, width: LEAVES[:5]), 128)


def test_roots_and_proofs_are_those_of_pymerkle() -> None:
    tree, leaves = pymerkle.InmemoryTree(algorithm="sha256"), Levels([merkle.leaf_hash(bytes([n])) for n in range(130)])
    for size in range(1, 131):
        tree.append_entry(bytes([size - 1]))
        root = merkle.root_from(leaves.read, size)
        assert root == tree.get_root()
        for index in {0, size // 3, size - 1}:
            # Theirs begins with the leaf itself.
            included = merkle.inclusion_from(leaves.read, index, size)
            assert [leaves.levels[0][index], *included] == tree.prove_inclusion(index + 1).path
            old, theirs = tree.get_root(index + 1), tree.prove_consistency(index + 1, size)
            pymerkle.verify_consistency(old, root, theirs)
            # Theirs has the parts of the old tree one by one: another form of the same proof.
            consistent = merkle.consistency_from(leaves.read, index + 1, size)
            assert merkle.is_consistent(index + 1, size, consistent, old, root)


def forged(chance: random.Random, proof: list[bytes]) -> list[bytes]:
    """Return another proof: with a hash changed, left out, doubled or in the place of another."""
    place = chance.randrange(len(proof))
    changed = bytearray(proof[place])
    changed[chance.randrange(32)] ^= 1 << chance.randrange(8)
    other = chance.randrange(len(proof))
    swapped = list(proof)
    swapped[place], swapped[other] = swapped[other], swapped[place]
    ways = [[*proof[:place], bytes(changed), *proof[place + 1 :]], proof[:place] + proof[place + 1 :], swapped]
    return chance.choice([*ways, proof[: place + 1] + proof[place:], proof[1:], [*proof, proof[0]]])


def test_of_a_hundred_thousand_forged_and_shifted_proofs_none_is_accepted() -> None:
    chance, tried = random.Random(0), 0
    roots = {size: merkle.root_from(MANY.read, size) for size in (chance.randrange(2, 5000) for _ in range(300))}
    while tried < 100_000:
        old, size = sorted(chance.choices(list(roots), k=2))
        index = chance.randrange(size)
        leaf, proof = MANY.levels[0][index], merkle.inclusion_from(MANY.read, index, size)
        wrong = [forged(chance, proof) for _ in range(10)]
        accepted = [merkle.is_included(leaf, index, size, one, roots[size]) for one in wrong if one != proof]
        shifted = {(index + step) % size for step in (1, 2, 3, size // 2)} - {index}
        accepted += [merkle.is_included(leaf, other, size, proof, roots[size]) for other in shifted]
        if proof := merkle.consistency_from(MANY.read, old, size):
            wrong = [forged(chance, proof) for _ in range(10)]
            pair = roots[old], roots[size]
            accepted += [merkle.is_consistent(old, size, one, *pair) for one in wrong if one != proof]
            accepted += [
                merkle.is_consistent(old - 1, size, proof, *pair),
                merkle.is_consistent(size, old, proof, *pair),
            ]
        assert not any(accepted)
        tried += len(accepted)
