"""What the operation takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.kernels import explain, recorded, use
from genwright.kernels.linear_cross_entropy.spec import SPEC, linear_cross_entropy

HIDDEN, WEIGHT, TARGETS = torch.zeros(2, 3), torch.zeros(5, 3), torch.tensor([1, 2])


@pytest.mark.parametrize(
    ("implementation", "hidden", "reason"),
    [
        ("chunked", HIDDEN.half(), "one dtype; got torch.float16 and torch.float32"),
        ("chunked", HIDDEN[:0], "takes a row and a token or more; got 0 and 5"),
        ("triton", HIDDEN.double(), "takes float32, float16 and bfloat16; got torch.float64"),
    ],
)
def test_what_it_does_not_take_is_refused_with_the_reason(implementation: str, hidden: Tensor, reason: str) -> None:
    if implementation == "triton":
        pytest.importorskip("triton", reason="its kernels need Triton")
    with use(linear_cross_entropy=implementation), pytest.raises(MismatchError, match=reason):
        linear_cross_entropy(hidden, WEIGHT, TARGETS)
    assert explain(linear_cross_entropy, hidden, WEIGHT, TARGETS).chosen == "reference"


def test_the_automatic_choice_is_the_reference() -> None:
    with recorded() as chosen:
        linear_cross_entropy(HIDDEN, WEIGHT, TARGETS)
    assert chosen == {"linear_cross_entropy": ["reference"]}


def test_traffic_is_what_goes_in_and_out() -> None:
    assert SPEC.traffic(HIDDEN, WEIGHT, TARGETS) == 4 * (6 + 15 + 1) + 2 * 8
    assert SPEC.traffic(HIDDEN, WEIGHT, TARGETS, shares=torch.ones(2)) == 4 * (6 + 15 + 1 + 2) + 2 * 8
    assert SPEC.work(HIDDEN, WEIGHT, TARGETS) == 2 * 2 * 3 * 5


def test_usual_calls_are_calls() -> None:
    call = next(iter(SPEC.usual(torch.float32, torch.device("cpu"))))
    with use(linear_cross_entropy="chunked"):
        assert linear_cross_entropy(*call.args).isfinite()
