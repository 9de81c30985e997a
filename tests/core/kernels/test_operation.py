"""Which implementation serves a call, with a toy operation."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError, UnknownName
from genwright.kernels import Implementation, Operation, recorded, use
from genwright.kernels.policy import Policy, applied

NARROW, WIDE, ODD = torch.ones(2, 4), torch.ones(2, 8), torch.ones(2, 3)
Halve = Operation[[Tensor], Tensor]


def served(halve: Halve, x: Tensor) -> list[str]:
    with recorded() as chosen:
        assert (halve(x) == 0.5).all()
    return chosen["halve"]


def test_without_a_table_the_reference_serves(halve: Halve) -> None:
    assert served(halve, NARROW) == served(halve, ODD) == ["reference"]


@pytest.mark.usefixtures("measured")
def test_the_first_of_the_table_that_can_serves(halve: Halve) -> None:
    assert served(halve, NARROW) == ["pairs"]
    assert served(halve, ODD) == ["reference"]
    assert served(halve, WIDE) == ["sums"]


@pytest.mark.usefixtures("measured")
def test_batch_invariance_passes_over_what_is_not(halve: Halve) -> None:
    with use(invariant=True):
        assert served(halve, WIDE) == ["pairs"]
        assert served(halve, torch.ones(2, 9)) == ["reference"]


def test_batch_invariance_takes_what_was_not_measured_where_the_reference_depends_on_the_batch(halve: Halve) -> None:
    halve = replace(halve, invariant=False)
    assert served(halve, NARROW) == ["reference"]
    with use(invariant=True):
        assert served(halve, NARROW) == ["pairs"]
        with pytest.raises(MismatchError, match=r"no implementation of halve can serve.*pairs: it takes even widths"):
            halve(ODD)


def test_rows_that_are_always_as_many_need_no_invariance_of_an_operation(halve: Halve) -> None:
    halve = replace(halve, invariant=False)
    with applied(Policy(invariant=True, tiled=True)):
        assert served(halve, ODD) == ["reference"]
        with use(halve="sums"):
            assert served(halve, NARROW) == ["sums"]


def test_a_choice_is_taken_or_raises_with_the_reason(halve: Halve) -> None:
    with use(halve="pairs"):
        assert served(halve, NARROW) == ["pairs"]
        with pytest.raises(MismatchError, match=r"'pairs' of halve .* even widths, and this is 3.*halve='automatic'"):
            halve(ODD)
    with use(halve="abacus"), pytest.raises(MismatchError, match="this machine has no abacus"):
        halve(NARROW)
    with use(halve="sums", invariant=True), pytest.raises(MismatchError, match="batch invariance was asked for"):
        halve(NARROW)


@pytest.mark.usefixtures("measured")
def test_a_choice_for_all_operations_is_taken_by_those_that_have_it_alone(halve: Halve) -> None:
    with use("triton"):
        assert served(halve, NARROW) == ["pairs"]
        assert halve.explain(NARROW).reasons["sums"] == "pairs serves before it"
    with use("sums"):
        assert served(halve, NARROW) == ["sums"]
    with use("abacus"), pytest.raises(MismatchError, match=r"'abacus' of halve was asked for.*no abacus"):
        halve(NARROW)


def test_a_choice_of_an_operation_that_it_lacks_raises_when_it_is_called(halve: Halve) -> None:
    with applied(Policy(each={"halve": "triton"})), pytest.raises(UnknownName, match="of halve named 'triton'"):
        halve(NARROW)


def test_a_machine_is_asked_once_and_arguments_each_time() -> None:
    asked: list[str] = []

    def machine() -> str:
        asked.append("machine")
        return "it is small"

    def arguments(x: Tensor) -> None:
        asked.append("arguments")

    fits = Implementation(name="fits", target="operator:neg", invariant=True, arguments=arguments)
    lacks = Implementation(name="lacks", target="operator:neg", invariant=True, platform=machine)
    negate: Halve = Operation(name="negate", reference=torch.neg, invariant=False, others=(lacks, fits))
    with use(invariant=True):
        assert [negate(ODD).sum().item() for _ in range(3)] == [-6.0] * 3
    assert asked == ["machine", *["arguments"] * 3]


def test_what_numba_and_triton_compile_lies_beside_the_reference_and_is_invariant() -> None:
    def arguments(x: Tensor) -> None: ...

    found = [make("halve", arguments) for make in (Implementation.in_numba, Implementation.in_triton)]
    assert [one.name for one in found] == ["numba", "triton"]
    assert [one.target for one in found] == [f"genwright.kernels.halve.{file}:halve" for file in ("cpu", "kernel")]
    assert all(one.invariant and one.arguments is arguments for one in found)


def test_a_module_of_kernels_is_imported_when_it_is_chosen(halve: Halve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "toy_kernels")
    assert served(halve, NARROW) == ["reference"]
    with use(halve="pairs"), pytest.raises(ModuleNotFoundError, match="toy_kernels"):
        halve(NARROW)


@pytest.mark.usefixtures("measured")
def test_an_explanation_tells_the_choice_and_why_no_other(halve: Halve) -> None:
    found = halve.explain(ODD)
    assert found.chosen == "reference"
    assert found.reasons == {
        "abacus": "this machine has no abacus",
        "pairs": "it takes even widths, and this is 3",
        "sums": "reference serves before it",
    }
    assert str(found).splitlines()[:2] == ["halve: reference", "  not abacus: this machine has no abacus"]


def test_an_explanation_of_what_cannot_serve_raises_nothing(halve: Halve) -> None:
    with use(halve="abacus"):
        found = halve.explain(NARROW)
    assert (found.chosen, found.reasons) == (None, {"abacus": "this machine has no abacus"})
    assert str(found).startswith("halve: none serves")
    with use(halve="pairs"):
        assert halve.explain(NARROW).reasons["reference"] == "pairs was asked for"


def test_a_compiler_gets_the_reference_of_what_it_fuses(halve: Halve, monkeypatch: pytest.MonkeyPatch) -> None:
    fused = replace(halve, compiled=halve.reference)
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    with use(halve="pairs"):
        assert served(halve, NARROW) == ["pairs"]
        with recorded() as chosen:
            assert (fused(NARROW) == 0.5).all()
    assert chosen == {}


def test_a_compiler_traces_through_the_choice_as_one_graph() -> None:
    negate: Halve = Operation(name="negate", reference=torch.neg, invariant=True, compiled=torch.neg)
    traced = torch.compile(lambda x: negate(2 * x), backend="eager", fullgraph=True)
    with recorded() as chosen:
        assert torch.equal(traced(WIDE), -2 * WIDE)
    assert chosen == {}


def test_on_a_gpu_what_is_usual_there_serves_before_what_is_usual(
    halve: Halve, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = replace(halve, usual=("pairs",), on_gpus=("abacus", "sums"))
    assert served(usual, NARROW) == ["pairs"]
    monkeypatch.setattr("genwright.kernels.operation.architecture", lambda device: "sm00")
    monkeypatch.setattr("genwright.kernels.operation._device", lambda args, keywords: torch.device("cuda"))
    assert served(usual, NARROW) == ["sums"]


def test_what_is_usual_serves_before_the_reference_where_nothing_was_measured(halve: Halve) -> None:
    usual = replace(halve, usual=("abacus", "pairs"))
    assert served(usual, NARROW) == ["pairs"]
    with use("reference"):
        assert served(usual, NARROW) == ["reference"]


def test_what_serves_can_be_chosen_once_for_a_loop(halve: Halve) -> None:
    with use(halve="pairs"), recorded() as chosen:
        serves = halve.chosen(NARROW)
    assert chosen == {"halve": ["pairs"]}
    with use("reference"), recorded() as later:
        assert torch.equal(serves(NARROW), halve(NARROW))
    assert later == {"halve": ["reference"]}
    with use(halve="abacus"), pytest.raises(MismatchError, match="this machine has no abacus"):
        halve.chosen(NARROW)
