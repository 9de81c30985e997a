import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genwright.errors import UsageError
from genwright.query import SEARCHED, Like, Part, Place, Query, as_number, is_findable, searched_words, words
from genwright.testing.stores import make_record, make_run

LIKE = Like(domain="molecules", kind="morgan", measure="tanimoto", bits=b"\0\1", bound=0.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The CAT, the cat_dog!", ["the", "cat", "dog"]),
        ("Straße ﬁn İstanbul", ["strasse", "fin", "istanbul"]),
        ("e\u0301te\u0301 été", ["ete"]),
        ("c1ccccc1-C(=O)N", ["c1ccccc1", "c", "o", "n"]),
        ("x² ½", ["x2", "1", "2"]),
        ("日本語 42", ["日本語", "42"]),
        ('" * ^ ( ) : _', []),
        ("", []),
    ],
)
def test_words_are_letters_and_digits_without_case_and_accents(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text())
def test_the_words_of_words_are_the_same(text: str) -> None:
    """So the words that a query is made of are found by themselves."""
    assert words(" ".join(words(text))) == words(text)
    assert all(word.isascii() or word == word.casefold() for word in words(text))


def test_a_word_is_cut_where_no_database_would_keep_it() -> None:
    assert words("x" * 5000) == ["x" * 500]


def test_a_sample_is_found_by_all_its_texts() -> None:
    record = make_record(
        make_run(),
        0,
        canonical="CCO",
        payload=b"OCC",
        prompt="a prompt",
        parameters='{"p": 0.9, "of": ["ä\\nb", null]}',
    )
    assert set(searched_words(record)) == {"cco", "occ", "a", "prompt", "p", "0", "9", "of", "b", "none"}
    assert set(searched_words(replace(record, parameters="{no json"))) == {"cco", "occ", "a", "prompt", "no", "json"}
    assert "occ" not in searched_words(replace(record, media_type="image/png"))
    assert searched_words(replace(record, payload=b"x" * (SEARCHED + 1), prompt="", parameters="")) == ["cco"]


@pytest.mark.parametrize("parameters", ["[" * 100_000, "[" * 5000 + "]" * 5000, '{"a": 1' + "0" * 5000 + "}"])
def test_parameters_of_any_depth_and_size_are_read(parameters: str) -> None:
    assert isinstance(searched_words(make_record(make_run(), 0, parameters=parameters)), list)


@pytest.mark.parametrize("asked", [{"scores": {"qed": (1.0, 0.5)}}, {"where": {"qed": (math.nan, 1.0)}}])
def test_bounds_that_hold_nothing_are_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"the bounds of qed are a number and one that is no lower; got .* Write the"):
        Query(**asked)


def test_words_that_are_none_or_too_many_are_refused() -> None:
    with pytest.raises(UsageError, match=r"by 1 to 64 words .*; got '\*\*', which has none. Look for signs as a text"):
        Query(match="**")
    with pytest.raises(UsageError, match=r"got 65 words. Look for signs"):
        Query(match=" ".join(map(str, range(65))))


def test_items_of_two_domains_are_not_compared_at_once() -> None:
    with pytest.raises(UsageError, match=r"as items of one domain; got molecules and images. Search for one of them"):
        Query(like=LIKE, part=Part(domain="images", text="x"))


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=2), st.integers(0, 2**63), st.integers(0, 2**63))
def test_a_cursor_is_read_as_it_was_written(at: list[float], samples: int, scores: int) -> None:
    place = Place(at=tuple(at), top=(samples, scores))
    query = Query(text="ä\ud800", scores={"q": (-math.inf, 1.0)}, where={"logP": "x"}, like=LIKE)
    assert replace(query, after=query.cursor(place)).place == place
    assert query.place is None


@given(st.text())
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"goes on after a cursor that the same search gave"):
        Query(text="x", after=text).place  # noqa: B018


@pytest.mark.parametrize(
    "other",
    [Query(text="y"), Query(match="x"), Query(text="x", valid=True), Query(text="x", like=LIKE), Query(run="x")],
)
def test_a_cursor_is_of_the_search_that_gave_it(other: Query) -> None:
    cursor = Query(text="x").cursor(Place(at=(-3.0,), top=(5, 0)))
    with pytest.raises(UsageError, match=r"which is of another search or damaged. Repeat all of the search beside it"):
        replace(other, after=cursor).place  # noqa: B018


@pytest.mark.parametrize(
    ("value", "number"),
    [("2.5", 2.5), (3, 3.0), ("x", None), (True, None), (10**400, None), ("nan", None), (math.nan, None), (None, None)],
)
def test_a_number_is_what_can_be_compared(value: object, number: float | None) -> None:
    assert as_number(value) == number


def test_what_has_lone_surrogates_cannot_be_found() -> None:
    assert is_findable("ä", None, "")
    assert not is_findable("a", "\udcff")
