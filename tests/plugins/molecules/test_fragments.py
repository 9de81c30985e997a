from __future__ import annotations

import math

import pytest
from rdkit.Chem import MolFromSmiles

from genwright_molecules.fragments import brics_fragments, cosine, cosine_gradient, murcko_scaffold


def test_an_amide_is_cut_into_acid_and_amine() -> None:
    assert sorted(brics_fragments(MolFromSmiles("CC(=O)NC"))) == ["[1*]C(C)=O", "[5*]NC"]


def test_a_fragment_that_occurs_twice_is_there_twice() -> None:
    fragments = brics_fragments(MolFromSmiles("CC(=O)NCCCNC(C)=O"))
    assert fragments.count("[1*]C(C)=O") == 2


def test_a_molecule_without_a_bond_to_cut_is_its_own_fragment() -> None:
    assert brics_fragments(MolFromSmiles("c1ccccc1")) == ("c1ccccc1",)


@pytest.mark.parametrize(
    ("smiles", "scaffold"),
    [
        ("Cc1ccc(Cc2ccncc2O)cc1", "c1ccc(Cc2ccncc2)cc1"),
        ("CCC1CCC2CCCCC2C1", "C1CCC2CCCCC2C1"),
        ("Cc1ccccc1", None),
        ("CCO", None),
    ],
)
def test_the_scaffold_is_rings_and_links_and_has_two_rings(smiles: str, scaffold: str | None) -> None:
    assert murcko_scaffold(MolFromSmiles(smiles)) == scaffold


def test_the_cosine_of_counts_is_that_of_vectors() -> None:
    assert cosine({"a": 3, "b": 4}, {"a": 30, "b": 40}) == pytest.approx(1.0)
    assert cosine({"a": 3, "b": 4}, {"b": 1, "c": 1}) == pytest.approx(4 / (5 * math.sqrt(2)))
    assert cosine({"a": 1}, {"b": 1}) == 0.0
    assert math.isnan(cosine({}, {"b": 1}))


def test_the_gradient_is_the_limit_of_differences() -> None:
    first, second = {"a": 300, "b": 400, "d": 10}, {"a": 5, "b": 2, "c": 7}
    gradient = cosine_gradient(first, second)
    for name in first:
        up, down = (cosine(first | {name: first[name] + step}, second) for step in (1, -1))
        assert gradient[name] == pytest.approx((up - down) / 2, rel=1e-3)


def test_an_undefined_cosine_has_no_gradient() -> None:
    assert cosine_gradient({}, {"b": 1}) == {}
