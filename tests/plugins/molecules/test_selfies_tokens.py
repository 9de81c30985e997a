from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genwright.errors import ConditionError, DataError, OptionError
from genwright.seeds import Noise
from genwright.testing.encoders import check_encoder
from genwright_molecules.domain import MoleculesDomain
from genwright_molecules.molecule import flaw
from genwright_molecules.selfies_tokens import Selfies

DOMAIN = MoleculesDomain()


@pytest.fixture(scope="module")
def encoder() -> Selfies:
    encoder = Selfies(length=30)
    encoder.fit(["C[N+](C)(C)CC(=O)[O-]", "c1ccccc1S(=O)(=O)N", "C[Si](C)(C)F", "C#CC1CC1Br", "CC.O=P(O)(O)O"])
    return encoder


def test_it_keeps_the_contract_of_encoders() -> None:
    items = ["CCO", "c1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "F/C=C/F", "[Na+].[Cl-]"]
    checks = check_encoder(Selfies(randomize=True), items, domain=DOMAIN)
    assert [c for c in checks if c.trouble] == []


@settings(deadline=None)
@given(st.lists(st.integers(1, 20), min_size=1, max_size=30))
def test_whatever_the_tokens_a_molecule_comes_back(encoder: Selfies, tokens: list[int]) -> None:
    smiles = encoder.decode(torch.tensor([tokens]))[0]
    assert smiles == "" or flaw(smiles) is None


def test_bonds_that_rdkit_refuses_end_the_molecule_before_them() -> None:
    encoder = Selfies()
    encoder.restore({"tokens": ["[=C]", "[=Branch1]", "[C]", "[Si]"]})
    branch = [2, 3, 1]
    smiles = encoder.decode(torch.tensor([[4, *branch, *branch, *branch]]))[0]
    assert smiles == "[Si](=C)=C"


def test_molecules_come_back_as_themselves(nci: list[str]) -> None:
    encoder = Selfies(length=150)
    short = [s for s in nci if len(s) < 80 and "." not in s][:300]
    spellable = [s for s in short if _has_selfies(encoder, s)]
    assert len(spellable) > 0.98 * len(short)
    encoder.fit(spellable)
    back = encoder.decode(encoder.encode(spellable))
    assert [DOMAIN.canonical(s) for s in back] == [DOMAIN.canonical(s) for s in spellable]


def _has_selfies(encoder: Selfies, smiles: str) -> bool:
    encoder.fit([smiles])
    return bool(encoder.state()["tokens"])


def test_another_spelling_is_the_same_molecule(encoder: Selfies) -> None:
    encoder = Selfies(randomize=True)
    items = ["CC(=O)Oc1ccccc1C(=O)O"] * 20
    encoder.fit([*items, "O=C(O)c1ccccc1OC(C)=O", "c1cccc(C(=O)O)c1OC(=O)C"])
    rows = encoder.encode(items, noise=Noise(1, torch.arange(20)))
    assert len({tuple(row) for row in rows.tolist()}) > 1
    assert {DOMAIN.identity(s) for s in encoder.decode(rows)} == {DOMAIN.identity(items[0])}


def test_what_selfies_cannot_spell_is_passed_over_in_fitting() -> None:
    encoder = Selfies()
    encoder.fit(["CCO", "C(", "CC=N"])
    assert encoder.state()["tokens"] == ["[=N]", "[C]", "[O]"]


def test_what_selfies_cannot_spell_is_named() -> None:
    with pytest.raises(DataError, match=r"'C\(' has no spelling in SELFIES: .* Leave it out, or use SMILES"):
        Selfies().encode(["C("])


def test_a_prefix_is_selfies(encoder: Selfies) -> None:
    (cut,) = encoder.prefix("[C][=C]")
    assert [encoder.state()["tokens"][t - 1] for t in cut] == ["[C]", "[=C]"]


def test_a_prefix_of_smiles_is_refused_with_an_example(encoder: Selfies) -> None:
    with pytest.raises(ConditionError, match=r"prefix in SELFIES, such as '\[C\]\[=C\]'; got 'c1cc'. Write it so"):
        encoder.prefix("c1cc")


def test_a_length_without_room_is_refused() -> None:
    with pytest.raises(OptionError, match="encoder 'selfies' needs length of 2 or more; got 1"):
        Selfies(length=1)
