"""What the operation takes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.kernels import explain, use
from genwright.kernels.cross_entropy.spec import SPEC, cross_entropy

LOGITS, TARGETS = torch.zeros(2, 6), torch.tensor([1, 2])


@pytest.mark.parametrize(
    ("logits", "targets", "reason"),
    [
        (LOGITS.double(), TARGETS, "takes logits of float32, float16 or bfloat16 .*got torch.float64, torch.int64"),
        (LOGITS[:, ::2], TARGETS, "each in one piece"),
        (LOGITS, TARGETS[:1], r"takes a target a row; got \[1\] for \[2, 6\]"),
    ],
)
def test_what_it_does_not_take_is_refused_with_the_reason(logits: Tensor, targets: Tensor, reason: str) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    with use(cross_entropy="triton"), pytest.raises(MismatchError, match=reason):
        cross_entropy(logits, targets)
    assert explain(cross_entropy, logits, targets).chosen == "reference"


def test_traffic_is_what_goes_in_and_out() -> None:
    assert SPEC.traffic(LOGITS, TARGETS) == 2 * (6 * 4 + 8 + 4)
    assert SPEC.work(LOGITS, TARGETS) == 2 * SPEC.work(LOGITS[:1], TARGETS[:1])


def test_usual_calls_are_calls() -> None:
    call = next(iter(SPEC.usual(torch.float32, torch.device("cpu"))))
    assert cross_entropy(*call.args).shape == (1024,)
