from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from genwright.domain import Scalar
from genwright.errors import UnknownName
from genwright_molecules.domain import MoleculesDomain
from genwright_molecules.properties import PROPERTIES, measure
from genwright_molecules.scores import ScoreCache

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
NAMES = ("logP", "QED", "TPSA", "SA", "weight")


def test_aspirin_has_its_known_properties() -> None:
    """Weight and polar surface are those that PubChem gives; the others pin what the wheel of RDKit computes."""
    expected = {"logP": 1.310, "QED": 0.550, "TPSA": 63.60, "SA": 1.580, "weight": 180.159}
    found = dict(zip(NAMES, measure([ASPIRIN], NAMES)[0], strict=True))
    assert found == pytest.approx(expected, rel=2e-3)


def test_a_smiles_with_a_flaw_has_no_properties_and_leaves_its_neighbours_alone() -> None:
    rows = measure(["CCO", "C1CC", "", "CCO"], ("logP", "weight"))
    assert np.isnan(rows[1:3]).all()
    assert rows[0].tolist() == rows[3].tolist()
    assert rows[0, 1] == pytest.approx(46.069)


def test_no_molecules_give_no_rows() -> None:
    assert measure([], NAMES).shape == (0, 5)
    assert measure(["CCO"], ()).shape == (1, 0)


def test_workers_do_not_change_the_values(nci: list[str]) -> None:
    smiles = nci * 2
    alone = measure(smiles, ("logP", "TPSA"), workers=1)
    np.testing.assert_array_equal(measure(smiles, ("logP", "TPSA"), workers=2), alone)


def test_every_number_that_can_be_asked_for_can_be_measured_and_no_other() -> None:
    scalars = {name for name, offer in MoleculesDomain.conditions.items() if isinstance(offer, Scalar)}
    assert scalars == PROPERTIES.keys()


def test_an_unknown_property_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownName, match=r"no property of molecules named 'logp'. Did you mean 'logP'"):
        measure(["CCO"], ("logp",))


def test_contributed_modules_leave_the_path_alone() -> None:
    before = list(sys.path)
    measure(["CCO"], ("SA",))
    assert sys.path == before


def test_cached_values_are_those_measured(tmp_path: Path) -> None:
    cache = ScoreCache(tmp_path / "scores.sqlite")
    smiles = ["OCC", "C1CC", "CCO", ASPIRIN]
    expected = measure(smiles, ("QED", "SA"))
    for _ in range(2):
        np.testing.assert_array_equal(measure(smiles, ("QED", "SA"), cache=cache), expected)


def test_a_cached_value_is_not_measured_again(tmp_path: Path) -> None:
    cache = ScoreCache(tmp_path / "scores.sqlite")
    cache.put({"CCO": (123.0,)}, ("QED",))
    assert measure(["OCC"], ("QED",), cache=cache).tolist() == [[123.0]]


def test_tautomers_do_not_share_a_cached_value(tmp_path: Path) -> None:
    """They share an InChIKey, which is why values are not kept by that."""
    cache = ScoreCache(tmp_path / "scores.sqlite")
    pyridone, hydroxypyridine = (
        measure([smiles], ("logP",), cache=cache)[0, 0] for smiles in ("O=c1cccc[nH]1", "Oc1ccccn1")
    )
    assert abs(pyridone - hydroxypyridine) > 0.1
