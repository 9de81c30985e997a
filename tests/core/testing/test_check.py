from __future__ import annotations

import pytest

from genwright.errors import PluginError
from genwright.testing.check import Check, checks, require


def holds(value: int) -> None:
    require(value == 1, f"one was wanted; got {value}")


def fails(value: int) -> None:
    raise KeyError(value)


def test_each_fact_is_checked_whatever_became_of_the_others() -> None:
    found = list(checks({"it fails": fails, "it is one": holds}, 1, of="number"))
    assert found == [
        Check(name="number: it fails", trouble="it raised KeyError: 1"),
        Check(name="number: it is one"),
    ]


def test_the_trouble_of_a_fact_is_its_own_sentence() -> None:
    assert list(checks({"it is one": holds}, 2)) == [Check(name="it is one", trouble="one was wanted; got 2")]


def test_what_is_required_raises_with_the_trouble() -> None:
    with pytest.raises(PluginError, match=r"^nothing there$"):
        require([], "nothing there")
