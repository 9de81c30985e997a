from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from genwright_molecules.molecules import Molecules
from genwright_molecules.reference import Reference

SMILES = ("CC(=O)NC", "OCC", "C1CC", "CCO", "c1ccc2ccccc2c1")
PARTS = ("gaussian", "fingerprints", "fragments", "scaffolds", "properties", "canonical")


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is computed from now on is an error; what is on disk can still be read."""

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr("genwright_molecules.molecules.mapped", fail)


def test_parts_are_those_of_the_valid_molecules() -> None:
    reference = Reference(SMILES)
    assert reference.fragments == Counter({"[1*]C(C)=O": 1, "[5*]NC": 1, "CCO": 2, "c1ccc2ccccc2c1": 1})
    assert reference.scaffolds == Counter({"c1ccc2ccccc2c1": 1})
    assert reference.canonical == {"CNC(C)=O", "CCO", "c1ccc2ccccc2c1"}
    assert reference.gaussian.count == 4
    assert reference.properties["weight"][1] == pytest.approx(46.069)
    np.testing.assert_array_equal(reference.fingerprints, Molecules(SMILES).fingerprints)


def test_nothing_is_computed_before_it_is_asked_for(cache: Path) -> None:
    Reference(SMILES)
    assert not cache.exists()


def test_parts_come_back_from_disk_as_they_were(request: pytest.FixtureRequest) -> None:
    first = Reference(SMILES)
    before = {name: getattr(first, name) for name in PARTS}
    request.getfixturevalue("no_work")
    again = Reference(SMILES)
    assert again.gaussian.mean.tolist() == before["gaussian"].mean.tolist()
    assert again.fingerprints.tolist() == before["fingerprints"].tolist()
    assert {name: values.tolist() for name, values in again.properties.items()} == {
        name: values.tolist() for name, values in before["properties"].items()
    }
    for name in ("fragments", "scaffolds", "canonical"):
        assert getattr(again, name) == before[name]


def test_another_set_or_another_rdkit_has_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = {Reference(SMILES).digest, Reference(SMILES[1:]).digest, Reference((*SMILES, "C")).digest}
    monkeypatch.setattr("rdkit.rdBase.rdkitVersion", "1999.01.1")
    assert len(digests | {Reference(SMILES).digest}) == 4


def test_a_text_with_a_lone_surrogate_is_left_out() -> None:
    assert Reference([*SMILES, "\ud800"]).canonical == Reference(SMILES).canonical


def test_a_set_without_scaffolds_comes_back_empty() -> None:
    assert Reference(["CCO"]).scaffolds == Counter()
    assert Reference(["CCO"]).scaffolds == Counter()
