from __future__ import annotations

import json

from genwright.space import WORDS, ConditionSpace, Continuous, Tokens


def test_a_space_knows_how_many_numbers_a_sample_has() -> None:
    assert Tokens(vocab_size=5, shape=(4, 3)).size == 12
    assert Continuous(shape=(3, 8, 8), axes=("C", "Y", "X")).size == 192
    assert (Tokens.kind, Continuous.kind) == ("tokens", "continuous")


def test_a_condition_space_comes_back_from_a_card_in_its_order() -> None:
    """Cards have sorted keys; scalars once came back in alphabetical order, and were asked of each other."""
    space = ConditionSpace(scalars={"b": (1.0, 2.0), "a": (0.5, 0.1)}, labels={"c": ("x", "y")})
    again = ConditionSpace.from_json(json.loads(json.dumps(space.to_json(), sort_keys=True)))
    assert again == space
    assert list(again.scalars) == ["b", "a"]


TEXTS = ConditionSpace(labels={"colour": ("red",)}, texts={"caption": ("cat", "face", "red")})


def test_words_are_places_among_the_known_ones() -> None:
    assert TEXTS.words("caption", "Red-FACED unicorn, cat face!")[:4] == [2, 0, 1, -1]
    assert len(TEXTS.words("caption", "cat " * 99)) == WORDS


def test_a_text_has_as_many_columns_as_words_are_read() -> None:
    assert TEXTS.columns == 1 + WORDS
    assert TEXTS.names == ["colour", "caption"]
    assert ConditionSpace.from_json(TEXTS.to_json()) == TEXTS


def test_words_that_are_not_read_are_those_not_known_and_those_after_the_last_place() -> None:
    assert TEXTS.unread("caption", "A red cat") == ["a"]
    assert TEXTS.unread("caption", "red " * WORDS + "unicorn cat") == ["unicorn", "cat"]


def test_a_space_with_contours_comes_back_from_a_card() -> None:
    space = ConditionSpace(labels={"c": ("x",)}, contours={"b": (-30.0, 9.5), "a": (0.0, 1.0)}, places=220.5)
    again = ConditionSpace.from_json(json.loads(json.dumps(space.to_json(), sort_keys=True)))
    assert again == space
    assert list(again.contours) == ["b", "a"]
    assert (space.names, space.columns) == (["c", "b", "a"], 1)


def test_without_contours_a_card_is_as_before_there_were_any() -> None:
    assert ConditionSpace(scalars={"a": (0.5, 0.1)}).to_json() == {
        "scalars": [["a", 0.5, 0.1]],
        "labels": [],
        "texts": [],
    }


def test_a_contour_has_a_value_for_every_begun_part_of_a_sample() -> None:
    space = ConditionSpace(contours={"a": (0.0, 1.0)}, places=2.5)
    assert [space.values(Tokens(vocab_size=2, shape=(length,))) for length in (1, 5, 6)] == [1, 2, 3]
    assert space.values(Tokens(vocab_size=2, shape=(2, 3))) == 3
    assert space.values(Continuous(shape=(3, 10), axes=("C", "X"))) == 4
    assert ConditionSpace().values(Tokens(vocab_size=2, shape=(5,))) == 0
