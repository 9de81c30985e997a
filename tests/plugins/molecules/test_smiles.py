from __future__ import annotations

import re

import pytest
import torch

from genwright.errors import ConditionError, DataError, OptionError
from genwright.seeds import Noise
from genwright.testing.encoders import check_encoder
from genwright_molecules.domain import MoleculesDomain
from genwright_molecules.smiles import Smiles, respell

DOMAIN = MoleculesDomain()


def fitted(items: list[str], **options: int) -> Smiles:
    encoder = Smiles(**options)  # type: ignore[arg-type]
    encoder.fit(items)
    return encoder


@pytest.mark.parametrize("merges", [0, 40])
@pytest.mark.parametrize("randomize", [False, True])
def test_it_keeps_the_contract_of_encoders(nci: list[str], merges: int, randomize: bool) -> None:
    short = [s for s in nci if len(s) < 60][:200]
    encoder = Smiles(merges=merges, randomize=randomize)
    assert [c for c in check_encoder(encoder, short, domain=DOMAIN) if c.trouble] == []


@pytest.mark.parametrize("merges", [0, 100])
def test_molecules_come_back_as_they_were_spelled(nci: list[str], merges: int) -> None:
    encoder = fitted(nci, length=200, merges=merges)
    assert encoder.decode(encoder.encode(nci)) == nci


def test_merges_shorten_molecules(nci: list[str]) -> None:
    tokens = [int((fitted(nci, length=200, merges=m).encode(nci) != 0).sum()) for m in (0, 100)]
    assert tokens[1] < 0.6 * tokens[0]


def test_frequent_bracket_atoms_are_tokens_and_rare_ones_are_spelled() -> None:
    encoder = fitted(["C[N+](C)(C)C"] * 10 + ["C[Si](C)(C)C"])
    assert "[N+]" in encoder.texts
    assert "[Si]" not in encoder.texts
    assert [encoder.texts[t] for t in encoder.prefix("[Si][N+]")[0]] == ["[", "S", "i", "]", "[N+]"]


def test_an_unseen_bracket_atom_is_spelled_from_seen_characters() -> None:
    encoder = fitted(["C[N+]C", "C[nH]C"])
    assert encoder.decode(encoder.encode(["C[NH+]C"])) == ["C[NH+]C"]


def test_the_vocabulary_does_not_depend_on_the_order_of_the_data(nci: list[str]) -> None:
    assert fitted(nci).state() == fitted(nci[::-1]).state()


def test_another_spelling_is_the_same_molecule(nci: list[str]) -> None:
    short = [s for s in nci if len(s) < 50]
    encoder = Smiles(randomize=True)
    encoder.fit(short)
    spelled = encoder.decode(encoder.encode(short, noise=Noise(3, torch.arange(len(short)))))
    assert [DOMAIN.canonical(s) for s in spelled] == [DOMAIN.canonical(s) for s in short]
    assert sum(a != b for a, b in zip(spelled, short, strict=True)) > 0.9 * len(short)


def test_a_spelling_depends_on_the_noise_of_its_row_alone(nci: list[str]) -> None:
    noise = Noise(3, torch.arange(50))
    batch = list(respell(nci[:50], noise))
    assert list(respell(nci[7:9], noise[torch.tensor([7, 8])])) == batch[7:9]
    assert list(respell(nci[:50], Noise(4, torch.arange(50)))) != batch


def test_a_spelling_that_does_not_fit_gives_way_to_the_plain_one() -> None:
    item, noise = "C1CC1CCC", Noise(0, torch.arange(40))
    encoder = fitted([item], length=len(item) + 1)
    encoder.randomize = True
    spelled = list(respell([item] * 40, noise))
    kept = [s if len(s) <= len(item) and "(" not in s else item for s in spelled]
    assert any(len(s) > len(item) for s in spelled)
    assert encoder.decode(encoder.encode([item] * 40, noise=noise)) == kept


def test_what_rdkit_cannot_read_keeps_its_spelling() -> None:
    assert list(respell(["C(", "CC"], Noise(0, torch.arange(2)))) == ["C(", "CC"]


def test_a_prefix_becomes_its_tokens() -> None:
    encoder = fitted(["c1ccccc1C(=O)O"])
    (cut,) = encoder.prefix("c1ccccc1C(=O)")
    assert "".join(encoder.texts[t] for t in cut) == "c1ccccc1C(=O)"
    assert encoder.prefix("") == [[]]


@pytest.mark.parametrize("merges", [0, 100])
def test_every_molecule_starts_with_one_of_the_cuts_of_each_of_its_starts(nci: list[str], merges: int) -> None:
    """With merges, a start cut on its own was no start of what was cut together with what follows."""
    encoder = fitted(nci, length=200, merges=merges)
    common = [s for s in nci if set(s) <= set("CNOFcno()=#123456[H]SlBrs")][:60]
    several = 0
    for item, row in zip(common, encoder.encode(common).tolist(), strict=True):
        for end in _ends(item):
            cuts = encoder.prefix(item[:end])
            assert sum(row[: len(cut)] == cut for cut in cuts) == 1, item[:end]
            several += len(cuts) > 1
    assert (several > 0) == (merges > 0)


def _ends(item: str) -> list[int]:
    """Return where the atoms and marks of a SMILES end."""
    return [match.end() for match in re.finditer(r"\[[^\]]*\]|Br|Cl|.", item)]


def test_a_cut_does_not_end_the_last_atom_otherwise(nci: list[str]) -> None:
    encoder = fitted(nci, merges=100)
    beyond = {"".join(encoder.texts[t] for t in cut) for cut in encoder.prefix("CC")}
    assert "CC" in beyond
    assert len(beyond) > 3
    assert not {text for text in beyond if text.startswith("CCl")}


def test_a_cut_that_starts_no_molecule_is_left_out_unless_the_text_is_such() -> None:
    encoder = Smiles()
    encoder.restore({"tokens": ["(", ")", "C", "C)", "CC"]})
    assert encoder.prefix("C") == [[3], [5]]
    assert encoder.prefix("C(C") == [[3, 1, 3], [3, 1, 4], [3, 1, 5]]
    assert encoder.prefix("C)") == [[4]]


@pytest.mark.parametrize("text", ["C[N", "C%", "C%1", "["])
def test_a_prefix_that_ends_inside_a_token_is_refused(text: str) -> None:
    with pytest.raises(ConditionError, match=r"ends inside an atom or a ring number. Complete it or leave it out"):
        fitted(["CCN"]).prefix(text)


@pytest.mark.parametrize("text", ["X", "C\0", "\ud800", "é"])
def test_a_prefix_with_unknown_tokens_is_refused(text: str) -> None:
    with pytest.raises(ConditionError, match="was not in the data"):
        fitted(["CCN"]).prefix(text)


def test_a_megabyte_of_prefix_is_refused_in_a_short_message() -> None:
    with pytest.raises(ConditionError, match="takes 1,000,000 tokens") as raised:
        fitted(["CCN"]).prefix("C" * 1_000_000)
    assert len(str(raised.value)) < 300


def test_a_molecule_too_long_is_named() -> None:
    with pytest.raises(DataError, match=r"'C{60}'… \(100 characters\) takes 100 tokens"):
        fitted(["C"]).encode(["C" * 100])


@pytest.mark.parametrize("options", [{"length": 1}, {"merges": -1}])
def test_senseless_options_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(OptionError, match=f"encoder 'smiles' needs {next(iter(options))} of "):
        Smiles(**options)  # type: ignore[arg-type]
