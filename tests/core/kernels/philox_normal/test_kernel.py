"""Normals by Triton are those of the reference, to the last bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.kernels import use
from genwright.kernels.philox_normal.spec import SPEC, philox_normal
from genwright.kernels.spec import Call
from genwright.seeds import Noise

pytest.importorskip("triton", reason="its kernels need Triton")
from tests.core.kernels.hopper import compiled

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SAMPLES = torch.arange(5, device=DEVICE)
KERNEL = "genwright.kernels.philox_normal.kernel:philox_normal_kernel"
TYPES = {
    **dict.fromkeys(("count", "tiles", "sample_stride", "step_stride", "key_low", "key_high"), "i32"),
    "result": "*fp32",
    "samples": "*i64",
    "step": "*i64",
}


def bits(x: Tensor) -> Tensor:
    return x.view(torch.int32)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("call", [*SPEC.awkward(torch.float32, DEVICE)], ids=lambda call: call.name)
def test_bits_are_those_of_the_reference(call: Call) -> None:
    with use(philox_normal="triton"):
        found = philox_normal(*call.args)
    assert torch.equal(bits(found), bits(SPEC.operation.reference(*call.args)))


def test_bits_are_those_of_the_reference_on_many_numbers() -> None:
    with use(philox_normal="triton"):
        found = philox_normal(11, "start", SAMPLES, 4, 12_001)
    assert torch.equal(bits(found), bits(Noise(11, SAMPLES).normal("start", 4, 12_001)))


def test_a_row_is_the_same_alone_and_among_others() -> None:
    with use(philox_normal="triton"):
        rows = philox_normal(3, "step", SAMPLES, 2, 1_030)
        for row in range(5):
            alone = philox_normal(3, "step", SAMPLES[row : row + 1], 2, 1_030)
            assert torch.equal(bits(alone[0]), bits(rows[row]))


@pytest.mark.parametrize("steps", [True, False])
def test_on_hopper_nothing_is_fused_or_approximate_and_no_register_spills(steps: bool) -> None:
    types = TYPES if steps else TYPES | {"step": "i32"}
    found = compiled(KERNEL, types, {"STEPS": steps, "BLOCK": 256}, enable_fp_fusion=False)
    assert (found.stack, found.shared > 48 * 1024) == (0, False)
    assert (found.count("fma.rn.f32"), found.count("div.full.f32"), found.count("sqrt.approx.f32")) == (0, 0, 0)
    assert found.count("div.rn.f32") == found.count("sqrt.rn.f32") > 0


def test_the_flag_that_leaves_fusion_off_is_what_does() -> None:
    found = compiled(KERNEL, TYPES, {"STEPS": True, "BLOCK": 256}, enable_fp_fusion=True)
    assert found.count("fma.rn.f32") > 0
