"""Gate, residual, norm and modulation by Triton."""

from __future__ import annotations

import pytest
import torch

from genwright.kernels import use
from genwright.kernels.adaptive_norm.spec import SPEC, adaptive_norm
from genwright.kernels.spec import Call, distance
from genwright.seeds import Noise

pytest.importorskip("triton", reason="its kernels need Triton")
from tests.core.kernels.hopper import SHARED_LIMIT, compiled

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# The interpreter computes no bfloat16.
DTYPES = [dtype for dtype in SPEC.tolerances if DEVICE.type == "cuda" or dtype != torch.bfloat16]
CALLS = [(call, dtype) for dtype in DTYPES for call in SPEC.awkward(dtype, DEVICE)]


# NumPy, which interprets, tells of NaN and infinities.
@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("call", "dtype"), CALLS, ids=lambda given: given.name if isinstance(given, Call) else None)
def test_numbers_are_close_to_those_of_the_reference_in_float64(call: Call, dtype: torch.dtype) -> None:
    with use(adaptive_norm="triton"):
        found = adaptive_norm(*call.args, **call.keywords)
    # On a CPU: of an infinite channel PyTorch's norm makes a row of NaN on a GPU, and a zero of the others there.
    given = {name: tensor.double().cpu() for name, tensor in call.keywords.items()}
    expected = SPEC.operation.reference(call.args[0].double().cpu(), **given)
    for part, wanted in zip(found, expected, strict=True):
        assert part.dtype == dtype
        assert distance(part.cpu(), wanted) <= SPEC.tolerances[dtype]


def test_a_sample_is_the_same_alone_and_among_others() -> None:
    x, update, gate = (
        Noise(4, torch.arange(3, device=DEVICE)).normal("example", step, 99)[:, None] for step in (0, 1, 2)
    )
    x, update = x.contiguous(), update.contiguous()
    with use(adaptive_norm="triton", invariant=True):
        rows = adaptive_norm(x, update=update, gate=gate)
        for at in (slice(row, row + 1) for row in range(3)):
            alone = adaptive_norm(x[at], update=update[at], gate=gate[at])
            assert all(torch.equal(part, whole[at]) for part, whole in zip(alone, rows, strict=True))


@pytest.mark.parametrize(("dtype", "block", "warps"), [("fp32", 1024, 4), ("bf16", 16_384, 8)])
def test_on_hopper_no_register_spills(dtype: str, block: int, warps: int) -> None:
    tensors = ("stream", "normed", "x", "scale", "shift", "update", "gate", "weight")
    numbers = ("length", "width", "scale_stride", "shift_stride", "gate_stride")
    types = dict.fromkeys(tensors, f"*{dtype}") | dict.fromkeys(numbers, "i32")
    kernel = "genwright.kernels.adaptive_norm.kernel:adaptive_norm_kernel"
    constants = {"EPSILON": 2.0**-23, "BLOCK": block}
    found = compiled(kernel, types, constants, num_warps=warps, enable_fp_fusion=False)
    assert (found.stack, found.shared <= SHARED_LIMIT, found.count("fma.rn.f32")) == (0, True, 0)
