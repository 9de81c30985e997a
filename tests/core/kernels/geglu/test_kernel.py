"""Gated products by Triton."""

from __future__ import annotations

import pytest
import torch

from genwright.kernels import use
from genwright.kernels.geglu.spec import SPEC, geglu
from genwright.kernels.spec import Call, distance
from genwright.seeds import Noise

pytest.importorskip("triton", reason="its kernels need Triton")
from tests.core.kernels.hopper import compiled

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# The interpreter computes no bfloat16.
DTYPES = [dtype for dtype in SPEC.tolerances if DEVICE.type == "cuda" or dtype != torch.bfloat16]
CALLS = [(call, dtype) for dtype in DTYPES for call in SPEC.awkward(dtype, DEVICE)]


# NumPy, which interprets, tells of NaN and infinities.
@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("call", "dtype"), CALLS, ids=lambda given: given.name if isinstance(given, Call) else None)
def test_numbers_are_close_to_those_of_the_reference_in_float64(call: Call, dtype: torch.dtype) -> None:
    with use(geglu="triton"):
        found = geglu(*call.args, **call.keywords)
    assert found.dtype == dtype
    expected = SPEC.operation.reference(call.args[0].double(), **call.keywords)
    assert distance(found, expected) <= SPEC.tolerances[dtype]


def test_a_row_is_the_same_alone_and_among_others() -> None:
    hidden = Noise(4, torch.arange(5, device=DEVICE)).normal("example", 0, 262)
    with use(geglu="triton", invariant=True):
        rows = geglu(hidden)
        for row in range(5):
            assert torch.equal(geglu(hidden[row : row + 1]), rows[row : row + 1])


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_on_hopper_no_register_spills(dtype: str) -> None:
    types = {"result": f"*{dtype}", "hidden": f"*{dtype}", "half": "i32", "tiles": "i32"}
    found = compiled(
        "genwright.kernels.geglu.kernel:geglu_kernel", types, {"SILU": True, "BLOCK": 1024}, enable_fp_fusion=False
    )
    assert (found.stack, found.shared, found.count("fma.rn.f32")) == (0, 0, 0)
