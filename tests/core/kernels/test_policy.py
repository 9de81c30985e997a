"""What was asked for of implementations."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from genwright.errors import OptionError
from genwright.kernels import use
from genwright.kernels.policy import POLICY, Policy, applied


def test_what_is_named_goes_before_what_is_said_of_all() -> None:
    policy = Policy(everywhere="reference", each={"geglu": "triton"})
    assert (policy.choice("geglu"), policy.choice("attention")) == ("triton", "reference")
    assert Policy().choice("geglu") == "automatic"


def test_a_policy_is_written_down_as_what_was_asked_for_alone() -> None:
    asked = Policy(everywhere="reference", each={"geglu": "triton"}, invariant=True)
    assert asked.to_json() == {"everywhere": "reference", "each": {"geglu": "triton"}, "invariant": True}
    assert Policy.from_json(json.loads(json.dumps(asked.to_json()))) == asked
    assert Policy().to_json() == {}
    assert Policy.from_json({}) == Policy()
    assert (asked.entry(), Policy().entry()) == ({"kernels": asked.to_json()}, {})


def test_that_networks_are_given_as_many_rows_was_not_asked_for() -> None:
    tiled = Policy(invariant=True, tiled=True)
    assert tiled == Policy(invariant=True)
    assert tiled.to_json() == {"invariant": True}
    with pytest.raises(OptionError, match="what is asked of kernels is a table"):
        Policy.from_json({"tiled": True})
    with applied(tiled), use("reference"):
        assert POLICY.get().tiled


def test_a_policy_stands_in_the_place_of_the_one_around_it_for_a_while() -> None:
    with use("reference", invariant=True):
        with applied(Policy(each={"geglu": "triton"})):
            assert POLICY.get() == Policy(each={"geglu": "triton"})
        assert POLICY.get() == Policy(everywhere="reference", invariant=True)
    assert POLICY.get() == Policy()


@pytest.mark.parametrize(
    "data",
    [{"fused": True}, {"everywhere": 3}, {"each": ["geglu"]}, {"each": {"geglu": 1}}, {"invariant": "yes"}, [], None],
    ids=str,
)
def test_what_no_policy_wrote_is_refused_with_what_one_writes(data: Any) -> None:
    wanted = re.escape("a table of everywhere (a name), each (names by operation) and invariant (true or false); got ")
    with pytest.raises(OptionError, match=wanted + re.escape(repr(data))):
        Policy.from_json(data)
