"""Attention of one query a row in Triton: values of the reference, and bits that depend on the row alone."""

from __future__ import annotations

import math

import pytest
import torch

from genwright.errors import ShapeError
from genwright.kernels.decode_attention import reference
from genwright.kernels.decode_attention.spec import SPEC
from genwright.kernels.spec import Call, distance

pytest.importorskip("triton", reason="its kernels need Triton")
from genwright.kernels.decode_attention import kernel
from tests.core.kernels.hopper import SHARED_LIMIT, compiled

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CALLS = {
    f"{call.name}, {dtype}": call for dtype in (torch.float32, torch.float16) for call in SPEC.awkward(dtype, DEVICE)
}
RAGGED = CALLS["rows of other lengths, torch.float32"]
STRIDES = ["q_b", "q_n", "k_b", "k_n", "k_s", "v_b", "v_n", "v_s", "N", "S", "parts"]


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.args[1].numel()])
def test_values_are_those_of_the_reference(name: str) -> None:
    call: Call = CALLS[name]
    found = kernel.decode_attention(*call.args, **call.keywords)
    expected = reference.decode_attention(*(x.double() for x in call.args), **call.keywords)
    assert found.dtype == call.args[0].dtype
    assert distance(found, expected) < SPEC.tolerances[found.dtype]


@pytest.mark.parametrize("name", ["no key, torch.float32", "no row, torch.float16"])
def test_nothing_gathers_nothing(name: str) -> None:
    call = CALLS[name]
    assert torch.equal(kernel.decode_attention(*call.args), torch.zeros_like(call.args[0]))


@pytest.mark.parametrize("row", range(5))
def test_a_row_has_the_same_bits_alone_and_in_a_shorter_cache(row: int) -> None:
    (q, k, v), lengths = RAGGED.args, RAGGED.keywords["lengths"]
    whole = kernel.decode_attention(q, k, v, lengths=lengths)
    one, size = slice(row, row + 1), int(lengths[row])
    assert torch.equal(kernel.decode_attention(q[one], k[one], v[one], lengths=lengths[one])[0], whole[row])
    assert torch.equal(kernel.decode_attention(q[one], k[one, :, :size], v[one, :, :size])[0], whole[row])


def test_places_that_are_not_filled_do_not_matter() -> None:
    (q, k, v), lengths = RAGGED.args, RAGGED.keywords["lengths"]
    empty = (torch.arange(k.shape[2], device=DEVICE) >= lengths[:, None])[:, None, :, None]
    found = kernel.decode_attention(q, *(x.masked_fill(empty, math.nan) for x in (k, v)), lengths=lengths)
    assert torch.equal(found, kernel.decode_attention(q, k, v, lengths=lengths))


# NumPy, in which the interpreter computes, warns of what the test is about.
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_spoils_the_results_that_the_reference_spoils(value: float) -> None:
    q, k, v = (x.clone() for x in RAGGED.args)
    q[1, 0, 3], k[3, 0, 200, 5], v[4, 0, 500, 7] = value, value, value
    found, expected = kernel.decode_attention(q, k, v), reference.decode_attention(q, k, v)
    assert torch.equal(found.isfinite(), expected.isfinite())
    assert not expected[1, 0].isfinite().any()


def test_heads_that_do_not_fit_are_refused() -> None:
    q, k, v = CALLS["one key, torch.float32"].args
    with pytest.raises(ShapeError, match="got 1 query heads and 0 key heads"):
        kernel.decode_attention(q, k[:, :0], v[:, :0])


@pytest.mark.parametrize(("heads", "kept", "width"), [(16, 16, 64), (32, 4, 128)])
def test_on_hopper_parts_use_tensor_cores_and_spill_nothing(heads: int, kept: int, width: int) -> None:
    types = dict.fromkeys(("q", "k", "v"), "*bf16") | dict.fromkeys(("totals", "tops", "masses"), "*fp32")
    types |= dict.fromkeys(STRIDES, "i32") | {"lengths": "*i32", "scale": "fp32"}
    fixed = kernel.options(heads, kept, width, torch.bfloat16) | {"RAGGED": True}
    launch = {name: fixed.pop(name) for name in ("num_warps", "num_stages")}
    found = compiled("genwright.kernels.decode_attention.kernel:_gather", types, fixed, **launch)
    assert found.stack == 0
    assert found.shared <= SHARED_LIMIT
    assert "mma.sync" in found.ptx
