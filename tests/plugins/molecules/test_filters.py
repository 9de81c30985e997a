from __future__ import annotations

import pytest
from rdkit.Chem import AddHs, MolFromSmarts, MolFromSmiles

from genwright_molecules.filters import Alerts, moses_alerts, objection, passes


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CC(=O)Nc1ccc(O)cc1", None),
        ("Cc1ccc(/C=C2/SC(=S)NC2=O)cc1", "alert"),
        ("CC(=O)Nc1ccc(C=O)cc1", "alert MCF7"),
        ("CCCl", "alert MCF4"),
        ("C1CO1", "alert MCF5"),
        ("CSSC", "alert MCF16"),
        ("C1CCCCCCC1", "a ring of more than 7 atoms"),
        ("C1CCCCCC1", None),
        ("C[N+](C)(C)C", "a charged atom"),
        ("CP(C)C", "an element outside Br C Cl F H N O S"),
        ("CCI", "an element outside Br C Cl F H N O S"),
    ],
)
def test_known_molecules_meet_the_known_objections(smiles: str, expected: str | None) -> None:
    found = objection(MolFromSmiles(smiles))
    assert found == expected or (expected == "alert" and str(found).startswith("alert ene_rhod"))
    assert passes(MolFromSmiles(smiles)) == (expected is None)


def test_all_patterns_are_there() -> None:
    assert len(moses_alerts().patterns) == 502
    assert list(moses_alerts().patterns)[21:23] == ["MCF22", "anil_di_alk_F(14)"]


def test_counting_changes_no_outcome(nci: list[str]) -> None:
    """Against matching every pattern, on molecules of many kinds, charged ones among them."""
    patterns = {name: MolFromSmarts(smarts) for name, smarts in moses_alerts().patterns.items()}
    found, expected = [], []
    for molecule in map(MolFromSmiles, nci[:250]):
        full = AddHs(molecule)
        found.append(moses_alerts().first(molecule))
        expected.append(next((name for name, pattern in patterns.items() if full.HasSubstructMatch(pattern)), None))
    assert found == expected
    assert sum(name is not None for name in expected) == 42


@pytest.mark.parametrize(
    ("smarts", "smiles"),
    [
        ("[#6,#7]-[#8]", "NO"),
        ("[#6;H1,$(C=O)]-O", "CC(=O)O"),
        ("[#7&+]-C", "C[NH3+]"),
        ("C~O", "C=O"),
        ("c-,:c", "c1ccccc1-c1ccccc1"),
        ("[#1]-[#8]-[#1]", "O"),
        ("[H]C([H])[F,Cl]", "CCl"),
        ("[!#6]~[!#6]", "NN"),
        ("[#16]", "S"),
    ],
)
def test_a_pattern_in_any_spelling_is_found(smarts: str, smiles: str) -> None:
    alerts = Alerts({"other": "[Si]-[Si]", "wanted": smarts})
    assert AddHs(MolFromSmiles(smiles)).HasSubstructMatch(MolFromSmarts(smarts))
    assert alerts.first(MolFromSmiles(smiles)) == "wanted"
