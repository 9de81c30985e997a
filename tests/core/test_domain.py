from __future__ import annotations

import io

import numpy as np
import pytest

from genwright.domain import Contour, Difference, Label, Offer, Prefix, Scalar, Text
from genwright.errors import ConditionError, MismatchError
from genwright.testing.toys import Rounds

SCALAR = Scalar(summary="mass", low=-1.5, high=500, unit="Da")
CONTOUR = Contour(summary="level", low=-80, high=0, unit="dB", rate=50, longest=4)


@pytest.mark.parametrize("value", [-1.5, 0, 500, np.float32(2.5), np.int64(3)])
def test_a_number_within_the_limits_is_a_float(value: float) -> None:
    found = SCALAR.check("weight", value)
    assert type(found) is float
    assert found == value


@pytest.mark.parametrize("value", [[-80, -1.5, 0], (-80, -1.5, 0), np.array([-80, -1.5, 0], dtype=np.float32)])
def test_numbers_for_each_moment_are_floats(value: object) -> None:
    found = CONTOUR.check("level", value)
    assert found == [-80.0, -1.5, 0.0]
    assert {type(number) for number in found} == {float}


@pytest.mark.parametrize(
    ("offer", "value", "message"),
    [
        (SCALAR, -1.6, "condition 'w' takes -1.5 to 500 Da; got -1.6. Choose a value in this range."),
        (SCALAR, float("inf"), "condition 'w' takes -1.5 to 500 Da; got inf. Choose a value in this range."),
        (SCALAR, float("nan"), "condition 'w' takes -1.5 to 500 Da; got nan. Choose a value in this range."),
        (
            SCALAR,
            10**300,
            f"condition 'w' takes -1.5 to 500 Da; got 1{'0' * 59}… (301 characters). Choose a value in this range.",
        ),
        (SCALAR, "7", "condition 'w' takes a number; got '7'. Example: w=-1.5."),
        (SCALAR, True, "condition 'w' takes a number; got True. Example: w=-1.5."),
        (SCALAR, 1j, "condition 'w' takes a number; got 1j. Example: w=-1.5."),
        (SCALAR, np.complex128(1j), "condition 'w' takes a number; got np.complex128(1j). Example: w=-1.5."),
        (SCALAR, None, "condition 'w' takes a number; got None. Example: w=-1.5."),
        (Label(summary="", values=("a", "b")), "c", "condition 'w' takes one of a, b; got 'c'."),
        (
            Label(summary="", values=("a",)),
            "c" * 10**6,
            f"condition 'w' takes one of a; got '{'c' * 59}… (1,000,002 characters).",
        ),
        (Prefix(summary=""), b"ab", "condition 'w' takes text; got bytes."),
        (Prefix(summary="", longest=3), "abcd", "condition 'w' takes at most 3 characters; got 4. Shorten it."),
        (Prefix(summary=""), "\0", "condition 'w' takes plain text; got NUL or a lone surrogate in it. Remove it."),
        (Prefix(summary=""), "\udfff", "condition 'w' takes plain text; got NUL or a lone surrogate in it. Remove it."),
        (Prefix(summary=""), "a" * 10**6, "condition 'w' takes at most 4096 characters; got 1,000,000. Shorten it."),
        (Text(summary=""), 7, "condition 'w' takes text; got int."),
        (Text(summary=""), "a\0b", "condition 'w' takes plain text; got NUL or a lone surrogate in it. Remove it."),
        (Text(summary=""), "a\ud800", "condition 'w' takes plain text; got NUL or a lone surrogate in it. Remove it."),
        (Text(summary=""), "a" * 10**6, "condition 'w' takes at most 4096 characters; got 1,000,000. Shorten it."),
        (CONTOUR, 3.0, "condition 'w' takes a list of numbers, one every 0.02 s; got 3.0. Example: w=[-80, 0]."),
        (
            CONTOUR,
            "-3,-4",
            "condition 'w' takes a list of numbers, one every 0.02 s; got '-3,-4'. Example: w=[-80, 0].",
        ),
        (CONTOUR, [], "condition 'w' takes a list of numbers, one every 0.02 s; got []. Example: w=[-80, 0]."),
        (
            CONTOUR,
            np.float64(3),
            "condition 'w' takes a list of numbers, one every 0.02 s; got np.float64(3.0). Example: w=[-80, 0].",
        ),
        (CONTOUR, [-1.0] * 2000, "condition 'w' takes at most 4 numbers; got 2,000. Shorten it."),
        (CONTOUR, [-1, None], "condition 'w[1]' takes a number; got None. Example: w[1]=-80."),
        (CONTOUR, [-1, True], "condition 'w[1]' takes a number; got True. Example: w[1]=-80."),
        (CONTOUR, [[-1]], "condition 'w[0]' takes a number; got [-1]. Example: w[0]=-80."),
        (CONTOUR, [-1, float("nan")], "condition 'w[1]' takes -80 to 0 dB; got nan. Choose a value in this range."),
        (CONTOUR, np.array([1.0]), "condition 'w[0]' takes -80 to 0 dB; got 1.0. Choose a value in this range."),
        (Label(summary="", values=("a",)), "\0\ud800", r"condition 'w' takes one of a; got '\x00\ud800'."),
    ],
)
def test_what_is_not_offered_is_refused(offer: Offer, value: object, message: str) -> None:
    with pytest.raises(ConditionError) as caught:
        offer.check("w", value)
    assert str(caught.value) == message


def test_labels_may_be_given_as_what_they_look_like() -> None:
    assert Label(summary="", values=("0", "1")).check("digit", 1) == "1"


def test_a_prefix_of_any_script_is_text() -> None:
    assert Prefix(summary="").check("start", "Grüße 日本 🎲") == "Grüße 日本 🎲"


def test_an_item_has_no_title_where_its_domain_gives_none() -> None:
    assert Rounds().title("abc") is None


@pytest.mark.parametrize(
    ("ours", "theirs", "size", "where"),
    [
        ("abcd", "abcd", 0, ""),
        ("abcd", "abxd", 1, "from character 2"),
        ("abcd", "ab", 2, "from character 2"),
        ("", "ab", 2, "from character 0"),
    ],
)
def test_the_difference_of_texts_is_counted_from_where_they_part(ours: str, theirs: str, size: int, where: str) -> None:
    expected = Difference(size=size, unit="characters", where=where, close=not size)
    assert Difference.of_texts(ours, theirs) == Difference.of_texts(theirs, ours) == expected


def test_a_difference_is_told_with_its_unit_and_place() -> None:
    found = Difference(size=0.125, unit="s", where="at 1.25 s", close=False)
    assert str(found) == "largest difference 0.125 s, at 1.25 s"


def test_a_domain_that_says_nothing_of_differences_has_none() -> None:
    assert Rounds().difference("abcd", "abca") is None


def test_texts_are_poured_as_they_grow_one_a_line() -> None:
    file = io.BytesIO()
    Rounds().pour([(0, "a"), (0, "ab"), (0, "ab"), (1, "c"), (1, "cda"), (4, "")], file)
    assert file.getvalue() == b"ab\ncda\n\n"


def test_a_text_whose_beginning_changes_is_poured_anew() -> None:
    file = io.BytesIO()
    Rounds().pour([(0, "ab"), (0, "cd"), (0, "cda")], file)
    assert file.getvalue() == b"ab\ncda\n"


def test_an_item_without_room_for_its_sample_stays_as_it_is() -> None:
    assert Rounds().attributed("abca", sample="5f1c/0") == "abca"


def test_of_nothing_nothing_is_poured() -> None:
    file = io.BytesIO()
    Rounds().pour([], file)
    assert file.getvalue() == b""


def test_what_is_no_text_has_no_form_to_grow_in() -> None:
    with pytest.raises(
        MismatchError, match=r"rounds cannot be written while they are drawn\. Generate them whole, with"
    ):
        Rounds().pour([(0, b"ab")], io.BytesIO())  # type: ignore[list-item]
