"""Norms, rotations and the cache in Triton: the reference's values, and bits that depend on the row alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.rotary_cache.spec import SPEC, rotary_cache
from genwright.kernels.spec import Call, distance

pytest.importorskip("triton", reason="its kernels need Triton")
from tests.core.kernels.hopper import SHARED_LIMIT, compiled
from tests.core.kernels.rotary_cache.calls import done, is_same_alone

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CALLS = [*SPEC.awkward(torch.float32, DEVICE)]
# The interpreter computes no bfloat16.
HALF = torch.bfloat16 if DEVICE.type == "cuda" else torch.float16


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_queries_and_the_cache_are_those_of_the_reference_in_float64(call: Call) -> None:
    wanted = done(call, "reference", torch.float64)
    for found, expected in zip(done(call, "triton"), wanted, strict=True):
        assert distance(found, expected) <= SPEC.tolerances[torch.float32]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
@pytest.mark.parametrize("inward", [torch.float32, HALF])
def test_so_they_are_in_a_cache_of_half_precision(call: Call, inward: torch.dtype) -> None:
    given = [call.args[0].to(inward), *call.args[1:4], *(cache.to(HALF) for cache in call.args[4:])]
    with use(rotary_cache="triton"):
        queries = rotary_cache(*given)
    assert queries.dtype == HALF
    for found, expected in zip((queries, *given[4:]), done(call, "reference", torch.float64), strict=True):
        assert distance(found, expected) <= SPEC.tolerances[torch.bfloat16]


def test_heads_may_be_a_part_of_a_wider_row() -> None:
    (call, *_) = CALLS
    inward = torch.cat((call.args[0], call.args[0]), 2)[:, :, : call.args[0].shape[2]]
    assert not inward.is_contiguous()
    strided = Call(name="", args=(inward, *call.args[1:]))
    assert all(torch.equal(*pair) for pair in zip(done(strided, "triton"), done(call, "triton"), strict=True))


def test_a_row_is_the_same_alone_and_among_others() -> None:
    call = next(call for call in CALLS if call.name == "shared heads of 64")
    assert is_same_alone(call, "triton", 0)
    assert is_same_alone(call, "triton", 4)


@pytest.mark.parametrize("place", [-1, 10])
def test_for_a_place_beyond_the_cache_nothing_is_written_and_queries_are_no_numbers(place: int) -> None:
    (call, *_) = CALLS
    at = call.args[3].clone()
    at[1] = place
    queries, keys, values = done(Call(name="", args=(*call.args[:3], at, *call.args[4:])), "triton")
    expected = done(call, "triton")
    assert queries[1].isnan().all()
    assert not keys[1].any()
    assert not values[1].any()
    others = [0, 2]
    assert all(torch.equal(x[others], y[others]) for x, y in zip((queries, keys, values), expected, strict=True))


@pytest.mark.parametrize(
    ("argument", "wrong", "told"),
    [
        (0, torch.zeros(3, 12, 33), "heads of an even width"),
        (0, torch.zeros(3, 12, 32).double(), "32 bits or fewer; got torch.float64"),
        (3, torch.zeros(3).int(), "places of int64"),
        (4, torch.zeros(3, 10, 4, 32).transpose(1, 2), "in one piece"),
        (5, torch.zeros(3, 4, 11, 32), "keys like values"),
    ],
)
def test_what_it_cannot_take_is_refused(argument: int, wrong: Tensor, told: str) -> None:
    given = list(CALLS[0].args)
    given[argument] = wrong.to(DEVICE)
    with use(rotary_cache="triton"), pytest.raises(MismatchError, match=told):
        rotary_cache(*given)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_on_hopper_nothing_is_fused_and_no_register_spills(dtype: str) -> None:
    types = dict.fromkeys(("row_stride", "head_stride", "every", "kept", "size", "known", "head", "wide"), "i32")
    types |= dict.fromkeys(("queries", "keys", "values", "inward"), f"*{dtype}") | {"at": "*i64"}
    types |= dict.fromkeys(("cosine", "sine"), "*fp32")
    kernel = "genwright.kernels.rotary_cache.kernel:rotary_cache_kernel"
    constants = {"EPSILON": 2.0**-23, "BLOCK": 64}
    found = compiled(kernel, types, constants, num_warps=1, enable_fp_fusion=False)
    assert (found.stack, found.shared <= SHARED_LIMIT, found.count("fma.rn.f32")) == (0, True, 0)
