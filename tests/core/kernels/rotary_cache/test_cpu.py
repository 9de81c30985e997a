"""Norms, rotations and the cache in numba: the reference's values, and bits that depend on the row alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.rotary_cache.spec import SPEC, rotary_cache
from genwright.kernels.spec import Call, distance
from tests.core.kernels.rotary_cache.calls import done, is_same_alone

pytest.importorskip("numba", reason="its loops need numba")

CPU = torch.device("cpu")


def serves(call: Call) -> bool:
    with use(rotary_cache="numba"):
        return rotary_cache.explain(*call.args).chosen == "numba"


CALLS = [call for call in SPEC.awkward(torch.float32, CPU) if serves(call)]


def test_heads_that_32_divides_are_served() -> None:
    assert {call.args[0].shape[-1] for call in CALLS} == {32, 64, 96}


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_queries_and_the_cache_are_those_of_the_reference_in_float64(call: Call) -> None:
    wanted = done(call, "reference", torch.float64)
    for found, expected in zip(done(call, "numba"), wanted, strict=True):
        assert distance(found, expected) <= SPEC.tolerances[torch.float32]


def test_a_row_is_the_same_alone_and_among_others() -> None:
    call = next(call for call in CALLS if call.name == "shared heads of 64")
    assert is_same_alone(call, "numba", 0)
    assert is_same_alone(call, "numba", 4)


@pytest.mark.parametrize(
    ("place", "wrong", "told"),
    [
        (0, torch.zeros(3, 12, 40), "heads of a width that 32 divides"),
        (4, torch.zeros(3, 4, 10, 32, dtype=torch.bfloat16), "it takes float32"),
        (4, torch.zeros(3, 10, 4, 32).transpose(1, 2), "in one piece"),
    ],
)
def test_what_it_cannot_take_is_refused(place: int, wrong: Tensor, told: str) -> None:
    args = list(CALLS[0].args)
    args[place] = wrong
    with use(rotary_cache="numba"), pytest.raises(MismatchError, match=told):
        rotary_cache(*args)


@pytest.mark.parametrize("place", [-1, 10])
def test_a_place_beyond_the_cache_is_refused_and_nothing_is_written(place: int) -> None:
    inward, cosine, sine, at, keys, values = (tensor.clone() for tensor in CALLS[0].args)
    at[1] = place
    with use(rotary_cache="numba"), pytest.raises(IndexError, match=rf"from 0 to below 10; got \[0, {place}, 4\]"):
        rotary_cache(inward, cosine, sine, at, keys, values)
    assert not keys.any()
    assert not values.any()


def test_values_of_another_shape_than_keys_are_refused() -> None:
    args = list(CALLS[0].args)
    args[5] = args[5][:, :1]
    with use(rotary_cache="numba"), pytest.raises(MismatchError, match="keys like values"):
        rotary_cache(*args)
