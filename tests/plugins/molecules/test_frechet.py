from __future__ import annotations

import warnings
import weakref

import numpy as np
import pytest
import torch
from fcd_torch import FCD
from rdkit.Chem import MolFromSmiles, MolToSmiles

from genwright.gaussian import Gaussian, frechet_distance
from genwright.generation import threads
from genwright_molecules import frechet
from genwright_molecules.frechet import activations


def test_activations_are_those_of_fcd_torch(nci: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frechet, "_BATCH", 16)
    smiles = [MolToSmiles(MolFromSmiles(text)) for text in nci[:40]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = FCD(batch_size=40).get_predictions(smiles)
    np.testing.assert_allclose(activations(smiles), expected, atol=1e-5)


class Counting:
    """A network that gives a view of its whole work, as ChemNet does, and counts how much of that is still held."""

    def __init__(self) -> None:
        self.work: list[weakref.ref[object]] = []
        self.held: list[int] = []
        self.threads: list[int] = []

    def __call__(self, batch: torch.Tensor) -> torch.Tensor:
        self.held.append(sum(whole() is not None for whole in self.work))
        self.threads.append(torch.get_num_threads())
        whole = torch.zeros(len(batch), 350, 512)
        self.work.append(weakref.ref(whole.untyped_storage()))
        return whole[:, -1]


def test_nothing_of_a_batch_but_its_activations_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Counting()
    monkeypatch.setattr(frechet, "_chemnet", lambda device: network)
    monkeypatch.setattr(frechet, "_BATCH", 2)
    found = activations(["C"] * 7)
    assert found.shape == (7, 512)
    assert found.base is None
    assert network.held == [0, 0, 0, 0]


def test_activations_take_one_thread_and_leave_the_number_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Counting()
    monkeypatch.setattr(frechet, "_chemnet", lambda device: network)
    with threads(3):
        activations(["C"])
        assert torch.get_num_threads() == 3
    assert network.threads == [1]


def test_the_distance_is_that_of_fcd_torch(nci: list[str]) -> None:
    """fcd_torch takes a general matrix root, which is at its worst here: 40 molecules give singular covariances."""
    first, second = (
        activations([MolToSmiles(MolFromSmiles(text)) for text in part]) for part in (nci[:40], nci[40:80])
    )
    statistics = [{"mu": part.mean(0), "sigma": np.cov(part.T)} for part in (first, second)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = FCD().metric(*statistics)
    assert frechet_distance(Gaussian.fit(first), Gaussian.fit(second)) == pytest.approx(expected, rel=1e-3)


def test_no_molecules_have_no_activations() -> None:
    assert activations([]).shape == (0, 512)
