from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genwright_molecules.domain import MoleculesDomain
from genwright_molecules.molecule import LONGEST, flaw, parse, refusal


@pytest.mark.parametrize("smiles", ["C", "c1ccccc1", "[Na+].[Cl-]", "C[C@H](N)C(=O)O", "F/C=C/F", "[2H]O", "*C"])
def test_a_molecule_has_no_flaw(smiles: str) -> None:
    assert flaw(smiles) is None
    assert parse(smiles) is not None


@pytest.mark.parametrize(
    ("smiles", "sentence"),
    [
        ("", "It is empty."),
        ("CC O", "Character 3, ' ', has no place in a SMILES."),
        ("C\0", r"Character 2, '\x00', has no place in a SMILES."),
        ("é", "Character 1, 'é', has no place in a SMILES."),
        ("\ud800", r"Character 1, '\ud800', has no place in a SMILES."),
        ("C\x7f", r"Character 2, '\x7f', has no place in a SMILES."),
        ("C" * (LONGEST + 1), "It has 10,001 characters, over the limit of 10,000."),
        ("C(C", "Character 3: 1 branch has not been closed."),
        ("CC)C", "Character 3: Unmatched close parenthesis."),
        ("C1CC", "Character 4: 1 ring opening has not been closed."),
        ("C%1", "Character 3: The text ends too early."),
        ("CC>>CC", "RDKit cannot read it as SMILES."),
        ("c1cccc1", "Can't kekulize mol. Unkekulized atoms: 0 1 2 3 4."),
        ("C(C)(C)(C)(C)C", "Explicit valence for atom # 0 C, 5, is greater than permitted."),
        ("C" + "(C)" * 130, "An atom has more bonds than RDKit can count."),
        ("Cc", "non-ring atom 1 marked aromatic."),
    ],
)
def test_a_flaw_says_what_and_where(smiles: str, sentence: str) -> None:
    assert parse(smiles) is None
    assert flaw(smiles) == sentence


@given(st.text(max_size=30) | st.text("CNOcn()[]=#123%+-@H./\\", max_size=30))
def test_any_text_is_a_molecule_or_has_a_flaw_in_one_line(text: str) -> None:
    reason = flaw(text)
    assert (reason is None) == (parse(text) is not None)
    assert reason is None or (reason.endswith(".") and "\n" not in reason)


def test_nothing_is_written_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    for smiles in ("C(", "c1cccc1", "C(C)(C)(C)(C)C", "[Xx]"):
        flaw(smiles)
    assert capfd.readouterr() == ("", "")


def test_the_log_of_rdkit_is_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    from rdkit import Chem

    flaw("C(C")
    Chem.MolFromSmiles("C(C")
    assert "SMILES Parse Error" in capfd.readouterr().err


def test_every_start_of_a_molecule_is_let_through(nci: list[str]) -> None:
    """On RDKit's spellings of common elements, for which partialsmiles has the valences."""
    common = [
        s for s in map(MoleculesDomain().canonical, nci[:250]) if s and set(s) <= set("CNOFcno()=#123456[H]SlBrs")
    ]
    assert len(common) > 100
    assert [s[:end] for s in common for end in range(1, len(s)) if refusal(s[:end])] == []


@pytest.mark.parametrize("text", ["C)", "C(C)(C)(C)(C)C", "c1cccc1C", "FC(F)(F)F(", "C==", "[Xx", "%", "\0", "é"])
def test_what_starts_no_molecule_is_refused_with_a_reason(text: str) -> None:
    reason = refusal(text)
    assert reason is not None
    assert reason.endswith(".")
