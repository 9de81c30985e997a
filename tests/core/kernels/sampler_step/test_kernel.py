"""A step of a sampler by Triton is that of the reference, to the last bit."""

from __future__ import annotations

import pytest
import torch

from genwright.kernels import use
from genwright.kernels.sampler_step.coefficients import ancestral
from genwright.kernels.sampler_step.spec import SPEC, sampler_step
from genwright.kernels.spec import Call
from genwright.seeds import Noise
from tests.core.kernels.sampler_step.trajectories import NOISE, WAYS, denoise, start
from tests.core.samplers import earlier

pytest.importorskip("triton", reason="its kernels need Triton")
from tests.core.kernels.hopper import SHARED_LIMIT, compiled

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
KERNEL = "genwright.kernels.sampler_step.kernel:sampler_step_kernel"
TYPES = {
    **dict.fromkeys(("row", "count", "tiles", "sample_stride", "draw", "key_low", "key_high"), "i32"),
    **dict.fromkeys(("result", "x", "clean", "coefficients"), "*fp32"),
    **dict.fromkeys(("low", "high"), "fp32"),
}
GIVEN = {"kept": "*fp32", "before": "*fp32", "unasked": "*fp32", "samples": "*i64"}


# NumPy, which interprets, tells of NaN and infinities.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("call", [*SPEC.awkward(torch.float32, DEVICE)], ids=lambda call: call.name)
def test_numbers_are_those_of_the_reference(call: Call) -> None:
    with use(sampler_step="triton"):
        found = sampler_step(*call.args, **call.keywords)
    torch.testing.assert_close(
        found, SPEC.operation.reference(*call.args, **call.keywords), rtol=0, atol=0, equal_nan=True
    )


@pytest.mark.parametrize("name", WAYS)
@pytest.mark.skipif(DEVICE.type == "cuda", reason="steps are interpreted where there is no GPU")
def test_fifty_steps_end_where_the_sampler_of_core_does(name: str) -> None:
    sampler, way = WAYS[name]
    sigmas = [*sampler.levels.tolist(), 0.0]
    with use(sampler_step="triton"):
        found = way(denoise, start(sigmas[0]), sigmas, NOISE)
    assert torch.equal(found, earlier.solved(sampler, denoise, start(sigmas[0]), sigmas, NOISE))


def test_a_sample_goes_the_same_way_alone_and_among_others() -> None:
    table = ancestral([2.0, 1.0, 0.0], eta=1.0).to(DEVICE)
    samples = torch.arange(4, device=DEVICE)
    x, clean = (Noise(2, samples).normal("example", step, 1_028).contiguous() for step in (0, 1))
    with use(sampler_step="triton"):
        rows, _ = sampler_step(x, clean, table, 0, noise=Noise(5, samples))
        for row in range(4):
            at = slice(row, row + 1)
            alone, _ = sampler_step(x[at], clean[at], table, 0, noise=Noise(5, samples[at]))
            assert torch.equal(alone, rows[at])


@pytest.mark.parametrize(
    ("given", "corrects"),
    [
        ((), False),
        (("unasked", "before", "kept"), False),
        (("unasked", "samples"), False),
        (("before", "samples"), True),
    ],
)
def test_on_hopper_nothing_is_fused_or_approximate_and_no_register_spills(
    given: tuple[str, ...], corrects: bool
) -> None:
    constants = {"CLAMP": True, "CORRECTS": corrects, "BLOCK": 256} | dict.fromkeys(GIVEN.keys() - given)
    types = TYPES | {name: GIVEN[name] for name in given}
    found = compiled(KERNEL, types, constants, enable_fp_fusion=False)
    assert (found.stack, found.shared <= SHARED_LIMIT) == (0, True)
    assert (found.count("fma.rn.f32"), found.count("div.full.f32"), found.count("sqrt.approx.f32")) == (0, 0, 0)
