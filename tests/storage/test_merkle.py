import hashlib
import random
from collections.abc import Sequence

import pytest

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
