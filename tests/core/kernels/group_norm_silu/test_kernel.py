"""A group norm and SiLU by Triton."""

from __future__ import annotations

import pytest
import torch

from genwright.kernels import use
from genwright.kernels.group_norm_silu.spec import SPEC, group_norm_silu
from genwright.kernels.spec import Call, distance
from genwright.seeds import Noise

pytest.importorskip("triton", reason="its kernels need Triton")
from tests.core.kernels.hopper import SHARED_LIMIT, compiled

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# The interpreter computes no bfloat16.
DTYPES = [dtype for dtype in SPEC.tolerances if DEVICE.type == "cuda" or dtype != torch.bfloat16]
CALLS = [(call, dtype) for dtype in DTYPES for call in SPEC.awkward(dtype, DEVICE)]
# NumPy, which interprets, tells of NaN and infinities, also where nothing is written.
pytestmark = pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")
MODULE = "genwright.kernels.group_norm_silu.kernel"


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("call", "dtype"), CALLS, ids=lambda given: given.name if isinstance(given, Call) else None)
def test_numbers_are_close_to_those_of_the_reference_in_float64(call: Call, dtype: torch.dtype) -> None:
    x, groups, *rows = call.args
    with use(group_norm_silu="triton"):
        found = group_norm_silu(*call.args, **call.keywords)
    assert (found.dtype, found.stride()) == (dtype, x.stride())
    keywords = {name: tensor.double() for name, tensor in call.keywords.items()}
    expected = SPEC.operation.reference(x.double(), groups, *(row.double() for row in rows), **keywords)
    assert distance(found, expected) <= SPEC.tolerances[dtype]


def test_a_mean_far_above_the_deviation_loses_little() -> None:
    x = Noise(1, torch.arange(1, device=DEVICE)).normal("example", 0, 4 * 333).view(1, 4, 333).contiguous() + 1000
    ones = torch.ones(4, device=DEVICE)
    with use(group_norm_silu="triton"):
        found = group_norm_silu(x, 2, ones, ones)
    assert distance(found, SPEC.operation.reference(x.double(), 2, ones.double(), ones.double())) < 1e-4


def test_a_sample_is_the_same_alone_and_among_others() -> None:
    x = Noise(4, torch.arange(3, device=DEVICE)).normal("example", 0, 6 * 77).view(3, 6, 77).contiguous()
    ones = torch.ones(6, device=DEVICE)
    with use(group_norm_silu="triton", invariant=True):
        rows = group_norm_silu(x, 3, ones, ones)
        for row in range(3):
            assert torch.equal(group_norm_silu(x[row : row + 1], 3, ones, ones)[0], rows[row])


@pytest.mark.parametrize("kernel", ["runs_kernel", "groups_kernel", "norm_kernel"])
def test_on_hopper_no_register_spills(kernel: str) -> None:
    numbers = "channels places channel_stride place_stride groups width runs along across length"
    every = {
        **dict.fromkeys([*numbers.split(), "scale_stride", "shift_stride"], "i32"),
        **dict.fromkeys(["result", "x", "weight", "bias", "scale", "shift"], "*bf16"),
        "of_runs": "*fp32",
        "of_groups": "*fp32",
        "count": "fp32",
        "epsilon": "fp32",
    }
    takes = {
        "runs_kernel": "of_runs x channels places channel_stride place_stride runs across",
        "groups_kernel": "of_groups of_runs channels places groups width runs length count epsilon",
        "norm_kernel": "result x of_groups weight bias scale shift channels places channel_stride place_stride groups "
        "width along across scale_stride shift_stride",
    }[kernel]
    constants = {"BLOCK": 8_192} if kernel == "groups_kernel" else {"PLACES": 64, "CHANNELS": 64}
    constants |= {"TILES": 3} if kernel == "runs_kernel" else {}
    # Channels that lie together are known to, as they are when it is launched.
    known = {"channel_stride": 1} if "channel_stride" in takes else {}
    types = {name: every[name] for name in takes.split() if name not in known}
    warps = 16 if kernel == "groups_kernel" else 4
    found = compiled(f"{MODULE}:{kernel}", types, constants | known, num_warps=warps, enable_fp_fusion=False)
    assert (found.stack, found.shared <= SHARED_LIMIT, found.count("fma.rn.f32")) == (0, True, 0)
