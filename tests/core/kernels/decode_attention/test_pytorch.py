"""Products over the whole cache give what the reference gives."""

from __future__ import annotations

import pytest
import torch

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.decode_attention import reference
from genwright.kernels.decode_attention.spec import SPEC, decode_attention
from genwright.kernels.spec import Call, distance

CPU = torch.device("cpu")


def serves(call: Call) -> bool:
    with use(decode_attention="products"):
        return decode_attention.explain(*call.args, **call.keywords).chosen == "products"


CALLS = [
    pytest.param(dtype, call, id=f"{dtype}, {call.name}")
    for dtype in SPEC.tolerances
    for call in SPEC.awkward(dtype, CPU)
    if serves(call)
]


def test_most_calls_are_served() -> None:
    assert len(CALLS) >= 5 * len(SPEC.tolerances)


@pytest.mark.parametrize(("dtype", "call"), CALLS)
def test_values_are_those_of_the_reference(dtype: torch.dtype, call: Call) -> None:
    with use(decode_attention="products"):
        found = decode_attention(*call.args, **call.keywords)
    expected = reference.decode_attention(*(x.double() for x in call.args), **call.keywords)
    assert found.dtype == dtype
    assert distance(found, expected) < SPEC.tolerances[dtype]


def test_what_is_not_filled_does_not_matter() -> None:
    q, k, v = (torch.randn(3, 2, *shape) for shape in ((8,), (16, 8), (16, 8)))
    lengths = torch.tensor([0, 5, 16], dtype=torch.int32)
    empty = (torch.arange(16) >= lengths[:, None])[:, None, :, None]
    with use(decode_attention="products"):
        before = decode_attention(q, k, v, lengths=lengths)
        after = decode_attention(q, k.masked_fill(empty, 1e30), v.masked_fill(empty, -1e30), lengths=lengths)
    assert torch.equal(before, after)
    assert (before[0] == 0).all()


def test_caches_that_are_not_in_one_piece_are_refused() -> None:
    q, k = torch.zeros(2, 2, 8), torch.zeros(2, 16, 2, 8).transpose(1, 2)
    with use(decode_attention="products"), pytest.raises(MismatchError, match="lie one after another"):
        decode_attention(q, k, k)
