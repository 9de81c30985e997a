"""Cross-entropy of a linear map by chunks, in Triton."""

from __future__ import annotations

import pytest
import torch

from genwright.kernels.linear_cross_entropy.spec import SPEC
from genwright.kernels.spec import Call

pytest.importorskip("triton", reason="its kernels need Triton")
from tests.core.kernels.linear_cross_entropy.test_chunked import DEVICE, assert_close

# The interpreter computes no bfloat16.
DTYPES = [dtype for dtype in SPEC.tolerances if DEVICE.type == "cuda" or dtype != torch.bfloat16]
CALLS = [(call, dtype) for dtype in DTYPES for call in SPEC.awkward(dtype, DEVICE)]


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("call", "dtype"), CALLS, ids=lambda given: given.name if isinstance(given, Call) else None)
def test_costs_and_gradients_are_close_to_those_of_the_reference_in_float64(call: Call, dtype: torch.dtype) -> None:
    assert_close(call, "triton", dtype)
