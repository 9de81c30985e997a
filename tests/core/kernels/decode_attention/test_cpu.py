"""Attention of one query a row in numba: values of the reference, and bits that depend on the row alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genwright.errors import OptionError, ShapeError
from genwright.kernels.decode_attention import reference
from genwright.kernels.decode_attention.spec import SPEC
from genwright.kernels.spec import Call, distance

pytest.importorskip("numba", reason="its loops need numba")
from genwright.kernels.decode_attention import cpu

CPU = torch.device("cpu")
CALLS = {f"{call.name}, {dtype}": call for dtype in SPEC.tolerances for call in SPEC.awkward(dtype, CPU)}
RAGGED = CALLS["rows of other lengths, torch.float32"]
NOISE = torch.Generator().manual_seed(3)


def inputs(rows: int, heads: int, kept: int, size: int, width: int) -> list[Tensor]:
    shapes = (rows, heads, width), *[(rows, kept, size, width)] * 2
    return [torch.randn(shape, generator=NOISE) for shape in shapes]


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("name", CALLS)
def test_values_are_those_of_the_reference(name: str) -> None:
    call: Call = CALLS[name]
    found = cpu.decode_attention(*call.args, **call.keywords)
    expected = reference.decode_attention(*(x.double() for x in call.args), **call.keywords)
    assert found.dtype == call.args[0].dtype
    assert distance(found, expected) < SPEC.tolerances[found.dtype]


@pytest.mark.parametrize("width", [16, 17, 31, 48, 63, 64, 80, 144])
@pytest.mark.parametrize("size", [1, 3, 4, 15, 16, 17, 33])
def test_values_are_right_at_each_width_and_length(width: int, size: int) -> None:
    q, k, v = inputs(2, 4, 2, size, width)
    expected = reference.decode_attention(q.double(), k.double(), v.double())
    assert distance(cpu.decode_attention(q, k, v), expected) < SPEC.tolerances[torch.float32]


def test_queries_and_lengths_may_lie_anyhow() -> None:
    q, k, v = inputs(5, 4, 2, 20, 32)
    lengths = torch.tensor([3, 20, 1, 7, 20, 0, 9, 2, 5, 4], dtype=torch.int32)[::2]
    expected = cpu.decode_attention(q, k, v, lengths=lengths.contiguous())
    strewn = q.permute(2, 0, 1).contiguous().permute(1, 2, 0)
    assert torch.equal(cpu.decode_attention(strewn, k, v, lengths=lengths), expected)


def test_lengths_beyond_the_cache_are_its_own_and_those_below_nothing_are_none() -> None:
    q, k, v = inputs(2, 2, 2, 20, 32)
    found = cpu.decode_attention(q, k, v, lengths=torch.tensor([99, -1], dtype=torch.int32))
    assert torch.equal(found[0], cpu.decode_attention(q, k, v)[0])
    assert not found[1].any()


@pytest.mark.parametrize("row", range(5))
def test_a_row_has_the_same_bits_alone_and_in_a_shorter_cache(row: int) -> None:
    (q, k, v), lengths = RAGGED.args, RAGGED.keywords["lengths"]
    whole = cpu.decode_attention(q, k, v, lengths=lengths)
    one, size = slice(row, row + 1), int(lengths[row])
    assert torch.equal(cpu.decode_attention(q[one], k[one], v[one], lengths=lengths[one])[0], whole[row])
    assert torch.equal(cpu.decode_attention(q[one], k[one, :, :size], v[one, :, :size])[0], whole[row])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_cache_of_16_bits_gives_the_bits_of_the_same_numbers_in_32(dtype: torch.dtype) -> None:
    q, k, v = (x.to(dtype) for x in inputs(2, 4, 2, 37, 40))
    wide = cpu.decode_attention(q.float(), k.float(), v.float())
    assert torch.equal(cpu.decode_attention(q, k, v), wide.to(dtype))


def test_places_that_are_not_filled_do_not_matter() -> None:
    (q, k, v), lengths = RAGGED.args, RAGGED.keywords["lengths"]
    empty = (torch.arange(k.shape[2]) >= lengths[:, None])[:, None, :, None]
    found = cpu.decode_attention(q, *(x.masked_fill(empty, math.nan) for x in (k, v)), lengths=lengths)
    assert torch.equal(found, cpu.decode_attention(q, k, v, lengths=lengths))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("width", [32, 40, 64])
def test_what_is_not_finite_spoils_the_results_that_the_reference_spoils(value: float, width: int) -> None:
    q, k, v = inputs(5, 2, 1, 70, width)
    q[1, 0, 3], k[3, 0, 20, 5], v[4, 0, 50, 7], v[4, 0, 69, width - 1] = value, value, value, value
    found, expected = cpu.decode_attention(q, k, v), reference.decode_attention(q, k, v)
    assert torch.equal(found.isfinite(), expected.isfinite())
    finite = expected.isfinite()
    assert distance(found[finite], expected[finite]) < SPEC.tolerances[torch.float32]


def test_a_score_of_minus_infinity_hides_a_key_and_its_value() -> None:
    q, k, v = inputs(2, 2, 1, 21, 40)
    q, k = q.abs(), k.abs()
    k[0, 0, 4, 39], v[0, 0, 4] = -math.inf, math.nan
    k[1, 0, :, 0], v[1] = -math.inf, math.nan
    found, expected = cpu.decode_attention(q, k, v), reference.decode_attention(q, k, v)
    assert expected.isfinite().all()
    assert distance(found, expected) < SPEC.tolerances[torch.float32]
    assert torch.equal(found[1], torch.zeros(2, 40))


def test_scores_far_apart_neither_overflow_nor_divide_by_zero() -> None:
    q, k, v = inputs(1, 1, 1, 40, 32)
    found, expected = cpu.decode_attention(1e4 * q, k, v), reference.decode_attention(1e4 * q, k, v)
    assert distance(found, expected) < SPEC.tolerances[torch.float32]


def test_what_does_not_fit_is_refused() -> None:
    q, k, v = inputs(2, 4, 2, 7, 32)
    with pytest.raises(ShapeError, match="got 3 query heads and 2 key heads"):
        cpu.decode_attention(q[:, :3], k, v)
    with pytest.raises(ShapeError, match="Bring them to the same B and H"):
        cpu.decode_attention(q, k[:1], v[:1])
    with pytest.raises(ShapeError, match="Bring them to the same B and H"):
        cpu.decode_attention(q, k, v[:, :, :5])
    with pytest.raises(OptionError, match=r"a number above 0; got -1\.0"):
        cpu.decode_attention(q, k, v, scale=-1.0)
