"""What the operation takes."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
import torch

from genwright.errors import MismatchError
from genwright.kernels import explain, recorded, use
from genwright.kernels.sample_logits.rule import Rule
from genwright.kernels.sample_logits.spec import SPEC, sample_logits
from genwright.seeds import Noise

NOISE = Noise(1, torch.arange(2))
LOGITS = torch.zeros(2, 6)


@pytest.mark.parametrize(
    ("logits", "given", "reason"),
    [
        (LOGITS.double(), {}, "takes float32, float16 and bfloat16; got torch.float64"),
        (LOGITS[:, ::2], {}, "each in one piece"),
        (LOGITS[:, :0], {}, "rows of one token or more"),
        (LOGITS, {"noise": LOGITS.double()}, "takes noise of float32"),
        (LOGITS, {"noise": NOISE[:1]}, "the reference does not take these arguments either"),
        (LOGITS, {"noise": NOISE, "step": torch.zeros(2, dtype=torch.int32)}, "takes samples and steps as int64"),
    ],
)
def test_what_it_does_not_take_is_refused_with_the_reason(
    logits: torch.Tensor, given: dict[str, Any], reason: str
) -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    with use(sample_logits="triton"), pytest.raises(MismatchError, match=reason):
        sample_logits(logits, Rule(), **given)
    assert explain(sample_logits, logits, Rule(), **given).chosen == "reference"


def test_the_automatic_choice_is_the_reference() -> None:
    with recorded() as chosen, use(invariant=True):
        sample_logits(LOGITS, Rule(), noise=NOISE)
    assert chosen == {"sample_logits": ["reference"]}


def test_traffic_is_what_goes_in_and_out() -> None:
    assert SPEC.traffic(LOGITS, Rule()) == 2 * (6 * 4 + 8)
    assert SPEC.traffic(LOGITS, Rule(), noise=NOISE, step=torch.arange(2)) == 2 * (6 * 4 + 8 + 8 + 8)
    assert SPEC.traffic(LOGITS, Rule(), noise=LOGITS) == 2 * (2 * 6 * 4 + 8)
    assert SPEC.work(LOGITS, Rule(), noise=NOISE) > SPEC.work(LOGITS, Rule(), noise=LOGITS) > SPEC.work(LOGITS, Rule())


def test_usual_calls_are_calls() -> None:
    calls = list(islice(SPEC.usual(torch.float32, torch.device("cpu")), 3))
    assert [call.name for call in calls] == ["temperature, 1 of 257", "top-k, 1 of 257", "top-p, 1 of 257"]
    assert all(len(sample_logits(*call.args, **call.keywords)) == 1 for call in calls)
