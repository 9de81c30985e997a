"""Operations by their names, and choices for a while."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import UnknownName
from genwright.kernels import Operation, explain, use
from genwright.kernels.catalogue import OPERATIONS, check, implementations, operation, operations
from genwright.kernels.policy import POLICY, Policy

Halve = Operation[[Tensor], Tensor]


def test_operations_are_found_by_their_names(halve: Halve) -> None:
    assert "halve" in operations()
    assert operation("halve") is halve
    with pytest.raises(UnknownName, match=r"no operation named 'halves'\. Did you mean 'halve'"):
        operation("halves")


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_an_operation_has_the_name_it_goes_by(name: str) -> None:
    assert operation(name).name == name


def test_an_explanation_can_be_asked_for_by_name(halve: Halve) -> None:
    assert explain("halve", torch.ones(3)) == explain(halve, torch.ones(3)) == halve.explain(torch.ones(3))


@pytest.mark.usefixtures("halve")
def test_choices_hold_for_a_while_and_the_inner_one_changes_what_it_names() -> None:
    before = POLICY.get()
    with use("reference", invariant=True):
        with use(halve="pairs"):
            assert (POLICY.get().choice("halve"), POLICY.get().choice("other")) == ("pairs", "reference")
            assert POLICY.get().invariant
            with use("automatic", invariant=False):
                assert POLICY.get().choice("halve") == "automatic"
                assert not POLICY.get().invariant
        assert POLICY.get().choice("halve") == "reference"
    assert POLICY.get() is before


@pytest.mark.usefixtures("halve")
def test_choices_of_unknown_names_raise_at_once_and_change_nothing() -> None:
    before = POLICY.get()
    with pytest.raises(UnknownName, match=r"no implementation of halve named 'pear'\. Did you mean 'pairs'"):
        use(halve="pear").__enter__()
    with pytest.raises(UnknownName, match="no operation named 'halves'"):
        use(halves="pairs").__enter__()
    with pytest.raises(UnknownName, match=r"no implementation named 'refrence'\. Did you mean 'reference'"):
        use("refrence").__enter__()
    assert POLICY.get() is before


@pytest.mark.usefixtures("halve")
def test_a_name_for_all_operations_is_one_that_some_operation_has() -> None:
    assert {"reference", "triton", "numba", "sdpa", "abacus"} <= set(implementations())
    for name in ("abacus", "automatic", "reference"):
        check(Policy(everywhere=name))
    with pytest.raises(UnknownName, match="no implementation named 'hammer'") as refused:
        check(Policy(everywhere="hammer"))
    assert refused.value.known == sorted(["automatic", *implementations()])


def test_a_choice_ends_with_an_error() -> None:
    before = POLICY.get()
    with pytest.raises(RuntimeError, match="on purpose"), use("reference"):
        raise RuntimeError("on purpose")
    assert POLICY.get() is before
