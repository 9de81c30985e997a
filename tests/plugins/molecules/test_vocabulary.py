from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genwright.errors import ConditionError, DataError
from genwright_molecules.vocabulary import STOP, Vocabulary, quote

VOCABULARY = Vocabulary(["(", ")", "C", "CC", "Cl", "[nH]", "c", "n"])


@given(st.lists(st.sampled_from(VOCABULARY.pieces), max_size=20))
def test_what_pieces_spell_is_decoded_exactly(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert VOCABULARY.decode(VOCABULARY.encode([text], length=30)) == [text]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=8))
def test_decoding_takes_any_numbers(numbers: list[int]) -> None:
    text = VOCABULARY.decode(torch.tensor([numbers]))[0]
    known = [0 < n < len(VOCABULARY) for n in numbers]
    end = known.index(False) if False in known else len(known)
    assert text == "".join(VOCABULARY.texts[n] for n in numbers[:end])


def test_a_text_is_cut_into_the_longest_pieces() -> None:
    assert [VOCABULARY.texts[n] for n in VOCABULARY.numbers("CCC[nH]")] == ["CC", "C", "[nH]"]


def test_a_piece_leaves_the_letter_that_begins_another() -> None:
    assert [VOCABULARY.texts[n] for n in VOCABULARY.numbers("CCl")] == ["C", "Cl"]


def test_rows_end_and_fill_with_the_stop() -> None:
    rows = VOCABULARY.encode(["C", "", "cn"], length=3)
    assert rows.tolist() == [[3, STOP, STOP], [STOP] * 3, [7, 8, STOP]]


def test_no_texts_make_no_rows() -> None:
    assert VOCABULARY.encode([], length=5).shape == (0, 5)
    assert VOCABULARY.decode(torch.empty(0, 5)) == []
    assert VOCABULARY.decode(torch.empty(2, 0)) == ["", ""]


@pytest.mark.parametrize(("text", "piece"), [("cX", "'X'"), ("é", "'é'"), ("c\n", r"'\\n'"), ("\ud800", r"'\\ud800'")])
def test_a_text_with_a_strange_piece_is_refused_and_named(text: str, piece: str) -> None:
    with pytest.raises(DataError, match=f"holds {piece}, which was not in the data .* Leave it out, or fit"):
        VOCABULARY.encode(["c", text], length=8)


def test_a_text_that_is_too_long_is_refused_with_the_length_it_needs() -> None:
    with pytest.raises(DataError, match=r"'ccc' takes 3 tokens, but length=3 holds 2 and the stop.* length=4 or more"):
        VOCABULARY.encode(["ccc"], length=3)


def test_a_prefix_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ConditionError, match=r"'ccc' takes 3 tokens, and the model draws at most 2. Shorten it"):
        VOCABULARY.prefix("ccc", 3)


def test_a_prefix_has_a_cut_for_each_piece_that_may_hold_its_end() -> None:
    cuts = Vocabulary(["(", "C", "CC", "CC(", "c", "Cc"]).prefix("CCC", 9)
    # Not C and CC(, since CC comes first; nor CC and CC, which goes beyond by a letter, and not CC and Cc.
    assert cuts == [[3, 2], [3, 3], [3, 4], [3, 6]]


def test_a_cut_that_leaves_no_room_is_left_out() -> None:
    vocabulary = Vocabulary(["C", "CC", "Cl"])
    assert vocabulary.prefix("CC", 3) == [[2], [1, 3]]
    assert vocabulary.prefix("CC", 2) == [[2]]
    assert vocabulary.prefix("", 3) == [[]]


def test_a_prefix_with_a_strange_piece_is_refused() -> None:
    with pytest.raises(ConditionError, match="prefix 'cX' holds 'X'"):
        VOCABULARY.prefix("cX", 9)


def test_the_first_fitting_text_is_taken_or_the_last() -> None:
    assert VOCABULARY.first_fitting(["X", "cccc", "cc", "c"], 3) == "cc"
    assert VOCABULARY.first_fitting(["X", "Y"], 3) == "Y"


def test_a_long_text_is_quoted_short() -> None:
    assert quote("C" * 1_000_000) == f"{'C' * 60!r}… (1,000,000 characters)"
