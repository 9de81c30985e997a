from __future__ import annotations

import numpy as np
import pytest
from rdkit import DataStructs
from rdkit.Chem import Mol, MolFromSmiles
from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator

from genwright_molecules import fingerprints
from genwright_molecules.fingerprints import fingerprint, mean_similarities, nearest_similarities


@pytest.fixture
def molecules(nci: list[str]) -> list[Mol]:
    return [MolFromSmiles(smiles) for smiles in nci[:70]]


@pytest.fixture
def expected(molecules: list[Mol]) -> np.ndarray:
    """All similarities as RDKit computes them, one by one."""
    generator = GetMorganGenerator(radius=2, fpSize=1024)
    bits = [generator.GetFingerprint(molecule) for molecule in molecules]
    return np.array([DataStructs.BulkTanimotoSimilarity(row, bits) for row in bits])


@pytest.fixture(params=[(2_048, 4_096), (7, 11)])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all in one block, once in blocks that do not divide the sets."""
    rows, columns = request.param
    monkeypatch.setattr(fingerprints, "_ROWS", rows)
    monkeypatch.setattr(fingerprints, "_COLUMNS", columns)


@pytest.mark.usefixtures("blocks")
def test_nearest_similarities_are_those_of_rdkit(molecules: list[Mol], expected: np.ndarray) -> None:
    packed = np.array([fingerprint(molecule) for molecule in molecules])
    np.testing.assert_allclose(
        nearest_similarities(packed[:40], packed[40:]), expected[:40, 40:].max(axis=1), atol=1e-6
    )


@pytest.mark.usefixtures("blocks")
def test_mean_similarities_are_those_of_rdkit(molecules: list[Mol], expected: np.ndarray) -> None:
    packed = np.array([fingerprint(molecule) for molecule in molecules])
    means = mean_similarities(packed)
    np.testing.assert_allclose(means, [expected.mean(axis=1), (expected**2).mean(axis=1)], atol=1e-6)


def test_molecules_without_any_bit_are_alike() -> None:
    nothing, something = np.zeros((1, 128), np.uint8), np.full((1, 128), 255, np.uint8)
    assert nearest_similarities(nothing, nothing).tolist() == [1.0]
    assert nearest_similarities(nothing, something).tolist() == [0.0]


def test_nothing_is_near_to_nothing() -> None:
    none = np.zeros((0, 128), np.uint8)
    assert nearest_similarities(none, none).shape == (0,)
    assert mean_similarities(none).shape == (2, 0)
