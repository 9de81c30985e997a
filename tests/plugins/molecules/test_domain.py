from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genwright.domain import Difference
from genwright.errors import ConditionError
from genwright.testing.domains import check_domain
from genwright_molecules import molecule
from genwright_molecules.domain import MoleculesDomain

DOMAIN = MoleculesDomain()
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


@pytest.mark.parametrize("ending", [".smi", ".csv.gz", ".sdf.xz"])
def test_it_keeps_the_contract_of_domains(ending: str) -> None:
    items = [ASPIRIN, "C[C@H](N)C(=O)O", "F/C=C/F", "[Na+].[Cl-]", "[13CH4]"]
    assert [c for c in check_domain(DOMAIN, items, ending=ending) if c.trouble] == []


def test_equal_molecules_share_spelling_and_identity() -> None:
    other = "OC(=O)c1ccccc1OC(C)=O"
    assert DOMAIN.canonical(ASPIRIN) == DOMAIN.canonical(other) == "CC(=O)Oc1ccccc1C(=O)O"
    assert DOMAIN.identity(ASPIRIN) == DOMAIN.identity(other) == "BSYNRYMUTXBXSQ-UHFFFAOYSA-N"


def test_a_molecule_is_told_by_its_smiles_whether_it_is_one_or_not() -> None:
    assert [DOMAIN.title(smiles) for smiles in (ASPIRIN, "C((")] == [ASPIRIN, "C(("]


def test_stereo_marks_make_another_molecule() -> None:
    assert DOMAIN.canonical("C[C@H](N)C(=O)O") != DOMAIN.canonical("C[C@@H](N)C(=O)O")
    assert DOMAIN.identity("C[C@H](N)C(=O)O") != DOMAIN.identity("C[C@@H](N)C(=O)O")


@pytest.mark.parametrize("smiles", ["*", "[*:1]CC", "C" * 2_000])
def test_a_molecule_that_inchi_refuses_has_no_identity(smiles: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert DOMAIN.check(smiles) is None
    assert DOMAIN.identity(smiles) is None
    assert capfd.readouterr() == ("", "")


def test_what_is_no_molecule_has_neither_spelling_nor_identity() -> None:
    assert DOMAIN.check("C(") == "Character 2: 1 branch has not been closed."
    assert DOMAIN.canonical("C(") is None
    assert DOMAIN.identity("C(") is None


def test_a_molecule_is_parsed_once_for_all_that_is_asked_of_it() -> None:
    molecule.parse.cache_clear()
    DOMAIN.check(ASPIRIN)
    DOMAIN.canonical(ASPIRIN)
    DOMAIN.identity(ASPIRIN)
    assert molecule.parse.cache_info().misses == 1


@pytest.mark.slow
def test_ten_thousand_molecules_are_known_in_twelve_seconds() -> None:
    from rdkit.RDConfig import RDDataDir

    items = list(DOMAIN.read(Path(RDDataDir) / "NCI" / "first_5K.smi")) * 2
    start = time.process_time()
    for i, item in enumerate(items):
        # The second half is spelled otherwise, past the memory of what was parsed.
        item = item if i < 4_999 else f"{item}.[He]"
        DOMAIN.check(item)
        DOMAIN.canonical(item)
        DOMAIN.identity(item)
    assert time.process_time() - start < 12


def test_it_measures_what_can_be_asked_for() -> None:
    values = DOMAIN.measure([ASPIRIN, "C("], ["weight", "logP"])
    np.testing.assert_allclose(values[0], [180.159, 1.3101], rtol=1e-5)
    assert np.isnan(values[1]).all()


def test_what_cannot_be_asked_for_is_not_measured() -> None:
    with pytest.raises(ConditionError, match=r"measured by logP, QED, TPSA, SA, weight; got 'prefix'. Choose among"):
        DOMAIN.measure([ASPIRIN], ["prefix"])


def test_the_molecules_of_a_set_lie_in_the_ranges_that_are_offered(nci: list[str]) -> None:
    names = [name for name in DOMAIN.conditions if name != "prefix"]
    values = DOMAIN.measure(nci[:200], names)
    for name, column in zip(names, values.T, strict=True):
        for value in column:
            assert DOMAIN.conditions[name].check(name, float(value)) == value


@given(st.text())
def test_any_text_comes_back_from_its_bytes(text: str) -> None:
    assert DOMAIN.from_bytes(DOMAIN.to_bytes(text)) == text


def test_metrics_get_samples_and_a_reference() -> None:
    assert DOMAIN.gather([ASPIRIN, "C("]).canonical == (DOMAIN.canonical(ASPIRIN),)
    assert DOMAIN.reference([ASPIRIN]).canonical == {DOMAIN.canonical(ASPIRIN)}


def test_another_spelling_of_a_molecule_is_close_and_another_molecule_is_not() -> None:
    domain = MoleculesDomain()
    same = domain.difference("OCC", "CCO")
    assert same == Difference(size=0, unit="in Tanimoto distance", where="from character 0", close=True)
    other = domain.difference("CCO", "CCN")
    assert other is not None
    assert (other.close, other.where) == (False, "from character 2")
    assert 0 < other.size < 1
    far = domain.difference("CCO", "c1ccccc1")
    assert far is not None
    assert other.size < far.size <= 1


def test_stereo_marks_are_a_difference_that_is_not_close() -> None:
    """Fingerprints do not see them, so the distance is 0."""
    found = MoleculesDomain().difference("N[C@@H](C)C(=O)O", "N[C@H](C)C(=O)O")
    assert found == Difference(size=0, unit="in Tanimoto distance", where="from character 4", close=False)


def test_what_is_no_molecule_has_no_distance() -> None:
    assert MoleculesDomain().difference("CCO", "C(") is None
