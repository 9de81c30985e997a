import pytest
from rdkit import Chem
from rdkit.DataStructs import CreateFromBinaryText, TanimotoSimilarity

from genwright.errors import UsageError
from genwright.likeness import covers, distances, fingerprint_matrix, value_of
from genwright.query import Like
from genwright_molecules.domain import MoleculesDomain
from genwright_molecules.screening import BITS, pattern, screens

SMILES = (
    *("CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "C1CCCCC1", "OC[C@H](N)C(=O)O"),
    *(
        "Clc1ccc2c(c1)[nH]cc2",
        "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
        "O=C1CCCN1",
        "[Na+].[O-]c1ccccc1",
        "C#N",
        "FC(F)(F)c1ccncc1",
    ),
)
PARTS = (
    *("c1ccccc1", "C1=CC=CC=C1", "C(=O)O", "[OX2H]", "[#7]", "[nH]", "C1CCCCC1", "[R2]", "a", "*", "C~N", "[C,N]=O"),
    *(
        "CC",
        "N1C=NC2=C1C(=O)NC(=O)N2",
        "[OH]",
        "[$([CX3](=O)[OX2H])]",
        "ClC",
        "Clc",
        "[Na+]",
        "OC[C@H](N)C(=O)O",
        "N#C",
    ),
)


def test_fingerprints_are_those_of_rdkit() -> None:
    found = [screens(smiles) for smiles in SMILES]
    assert {len(bits) for both in found if both for bits in both} == {BITS // 8}
    vectors = [CreateFromBinaryText(both[0]) for both in found if both]
    like = Like(domain="molecules", kind="morgan", measure="tanimoto", bits=found[2][0], bound=0.0)  # type: ignore[index]
    ours = distances(like, fingerprint_matrix([both[0] for both in found if both]))
    assert [value_of(like, one) for one in ours] == [TanimotoSimilarity(vectors[2], other) for other in vectors]


def test_what_is_no_molecule_has_no_fingerprint() -> None:
    assert screens("C(") is None
    given = MoleculesDomain().fingerprints(["CCO", "C(", "é"])
    assert {kind: [bits is None for bits in found] for kind, found in given.items()} == {
        "morgan": [False, True, True],
        "pattern": [False, True, True],
    }


@pytest.mark.parametrize("part", PARTS)
def test_what_contains_a_part_has_all_its_bits(part: str) -> None:
    """So nothing is lost by looking only at what has them."""
    asked = pattern(part)
    containing = [smiles for smiles in SMILES if asked.is_in(smiles)]
    assert containing
    bits = fingerprint_matrix([both[1] for smiles in containing if (both := screens(smiles))])
    assert covers(asked.bits, bits).all()


def test_rings_may_be_written_either_way_and_brackets_are_smarts() -> None:
    assert pattern("C1=CC=CC=C1").is_in("c1ccccc1")
    assert pattern("[OH]").is_in("CCO")
    assert not pattern("[OH]").is_in("COC")
    assert not pattern("c1ccccc1").is_in("C(")


@pytest.mark.parametrize("text", ["", "C(", "xyz", "[", "C" * 1001, "C C", "é", "C\0C", "\udcff", "c1ccccc1 name"])
def test_what_is_no_substructure_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"a substructure is SMILES or SMARTS that RDKit reads, .* Example: c1ccccc1"):
        MoleculesDomain().pattern(text)


def test_a_molecule_without_atoms_is_no_substructure() -> None:
    with pytest.raises(UsageError):
        pattern(Chem.MolToSmiles(Chem.Mol()))
