"""What the operation takes."""

from __future__ import annotations

import pytest
import torch

from genwright.errors import MismatchError
from genwright.kernels import recorded, use
from genwright.kernels.philox_normal.spec import SPEC, philox_normal


def test_samples_of_another_dtype_are_refused_and_the_automatic_choice_is_the_reference() -> None:
    pytest.importorskip("triton", reason="its kernels need Triton")
    samples = torch.arange(2, dtype=torch.int32)
    with use(philox_normal="triton"), pytest.raises(MismatchError, match="takes samples and steps as int64"):
        philox_normal(1, "step", samples, 0, 3)
    with recorded() as chosen:
        philox_normal(1, "step", samples.long(), 0, 3)
    assert chosen == {"philox_normal": ["reference"]}


def test_traffic_is_what_goes_in_and_out() -> None:
    samples = torch.arange(2)
    assert SPEC.traffic(1, "step", samples, 0, 100) == 2 * 100 * 4 + samples.nbytes
    assert SPEC.traffic(1, "step", samples, samples, 100) == 2 * 100 * 4 + 2 * samples.nbytes
    assert SPEC.work(1, "step", samples, 0, 200) == 2 * SPEC.work(1, "step", samples, 0, 100)


def test_usual_calls_are_calls() -> None:
    assert all(SPEC.traffic(*call.args) > 700_000 for call in SPEC.usual(torch.float32, torch.device("cpu")))
