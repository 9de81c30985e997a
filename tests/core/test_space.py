from __future__ import annotations

import json

from genwright.space import ConditionSpace, Continuous, Tokens


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
