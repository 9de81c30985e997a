from __future__ import annotations

import numpy as np
import pytest

from genwright.gaussian import Gaussian
from genwright_molecules.frechet import activations
from genwright_molecules.molecules import COMPARED, Molecules
from genwright_molecules.properties import measure

SMILES = ("OCC", "C1CC", "CCO", "c1ccc2ccccc2c1CCl", "")


@pytest.fixture
def molecules() -> Molecules:
    return Molecules(SMILES)


def test_those_with_a_flaw_are_left_out_and_repeated_ones_kept(molecules: Molecules) -> None:
    assert molecules.smiles == SMILES
    assert molecules.canonical == ("CCO", "CCO", "ClCc1cccc2ccccc12")


def test_everything_computed_is_of_the_valid_ones_in_order(molecules: Molecules) -> None:
    assert molecules.fingerprints.shape == (3, 128)
    assert molecules.fingerprints[0].tolist() == molecules.fingerprints[1].tolist()
    assert molecules.scaffolds == ((), (), ("c1ccc2ccccc2c1",))
    assert molecules.fragments[0] == ("CCO",)
    assert molecules.passing.tolist() == [True, True, False]
    properties = np.stack([molecules.properties[name] for name in COMPARED], axis=1)
    np.testing.assert_allclose(properties, measure(molecules.canonical, COMPARED), rtol=1e-9)


def test_similarities_count_each_molecule_with_itself() -> None:
    """Ethanol and methane share no bit: each is like itself, and unlike the other."""
    np.testing.assert_allclose(Molecules(["CCO", "C"]).similarities, 0.5)


def test_groups_merge_to_the_gaussian_of_all(nci: list[str]) -> None:
    molecules = Molecules(nci[:45])
    assert [part.count for part in molecules.gaussians] == [5] * 5 + [4] * 5
    whole = Gaussian.fit(activations(molecules.canonical))
    np.testing.assert_allclose(molecules.gaussian.covariance, whole.covariance, atol=1e-6)


def test_nothing_valid_gives_empty_results() -> None:
    nothing = Molecules(["C1CC"])
    assert nothing.canonical == ()
    assert nothing.fingerprints.shape == (0, 128)
    assert nothing.properties["logP"].shape == (0,)
    assert nothing.similarities.shape == (2, 0)
