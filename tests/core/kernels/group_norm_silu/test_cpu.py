"""A group norm and SiLU by loops."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.group_norm_silu.spec import SPEC, group_norm_silu
from genwright.kernels.spec import Call, distance
from genwright.seeds import Noise

pytest.importorskip("numba", reason="numba compiles its loops")
from genwright.kernels.group_norm_silu import cpu

CPU = torch.device("cpu")


def serves(call: Call) -> bool:
    with use(group_norm_silu="numba"):
        return group_norm_silu.explain(*call.args, **call.keywords).chosen == "numba"


CALLS = [call for dtype in SPEC.tolerances for call in SPEC.awkward(dtype, CPU) if serves(call)]
ONES = torch.ones(32)


def normal(*shape: int) -> Tensor:
    """Return numbers with channels last."""
    drawn = Noise(4, torch.arange(shape[0])).normal("example", 0, torch.Size(shape[1:]).numel())
    return drawn.view(shape[0], *shape[2:], shape[1]).movedim(-1, 1)


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.args[0].dtype}, {call.name}")
def test_numbers_are_close_to_those_of_the_reference_in_float64(call: Call) -> None:
    x, groups, *rows = call.args
    with use(group_norm_silu="numba"):
        found = group_norm_silu(*call.args, **call.keywords)
    assert (found.dtype, found.stride()) == (x.dtype, x.stride())
    keywords = {name: tensor.double() for name, tensor in call.keywords.items()}
    expected = SPEC.operation.reference(x.double(), groups, *(row.double() for row in rows), **keywords)
    assert distance(found, expected) <= SPEC.tolerances[x.dtype]


def test_it_serves_calls_of_each_dtype_that_it_takes() -> None:
    assert {call.args[0].dtype for call in CALLS} == {torch.float32, torch.bfloat16}


def test_weights_stay_in_float32_beside_activations_in_bfloat16() -> None:
    x, weight, bias = normal(2, 32, 5, 7).bfloat16(), normal(1, 32, 1)[0, :, 0], normal(2, 32, 1)[1, :, 0]
    by = {"scale": normal(2, 32, 1)[..., 0].bfloat16(), "shift": normal(2, 32, 2)[..., 1].bfloat16()}
    with use(group_norm_silu="numba"):
        found = group_norm_silu(x, 4, weight, bias, **by)
    assert (found.dtype, found.stride()) == (x.dtype, x.stride())
    exact = {name: row.double() for name, row in by.items()}
    expected = SPEC.operation.reference(x.double(), 4, weight.double(), bias.double(), **exact)
    assert distance(found, expected) <= SPEC.tolerances[torch.bfloat16]
    with use("reference"):
        assert group_norm_silu(x, 4, weight, bias, **by).dtype == x.dtype


@pytest.mark.parametrize("places", [1, 63, 65, 400])
def test_any_number_of_places_will_do(places: int) -> None:
    x = normal(2, 32, places)
    found = cpu.group_norm_silu(x, 4, ONES, 0 * ONES)
    expected = SPEC.operation.reference(x.double(), 4, ONES.double(), 0 * ONES.double())
    assert distance(found, expected) < SPEC.tolerances[torch.float32]


def test_a_mean_far_above_the_deviation_loses_little() -> None:
    x = normal(1, 32, 333) + 1000
    found = cpu.group_norm_silu(x, 2, ONES, ONES)
    assert distance(found, SPEC.operation.reference(x.double(), 2, ONES.double(), ONES.double())) < 1e-4


def test_a_first_number_far_from_the_others_loses_little() -> None:
    x = normal(1, 32, 333)
    x[..., 0] = 1e4
    found = cpu.group_norm_silu(x, 2, ONES, ONES)
    assert distance(found, SPEC.operation.reference(x.double(), 2, ONES.double(), ONES.double())) < 1e-6


def test_what_is_not_finite_stays_in_its_group() -> None:
    x = normal(2, 32, 5)
    x[0, 3, 2], x[1, 20, 1] = torch.nan, torch.inf
    found = cpu.group_norm_silu(x, 2, ONES, ONES)
    expected = SPEC.operation.reference(x, 2, ONES, ONES)
    assert torch.equal(found.isnan(), expected.isnan())
    assert found[0, :16].isnan().all()
    assert not found[0, 16:].isnan().any()


def test_numbers_far_from_zero_overflow_nothing() -> None:
    x = normal(1, 32, 7)
    found = cpu.group_norm_silu(x, 2, 1e4 * ONES, ONES)
    assert distance(found, SPEC.operation.reference(x.double(), 2, 1e4 * ONES.double(), ONES.double())) < 1e-6


def test_a_sample_is_the_same_alone_among_others_and_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_WORTH", 1)
    x = normal(3, 32, 77)
    rows = cpu.group_norm_silu(x, 8, ONES, ONES)
    for row in range(3):
        assert torch.equal(cpu.group_norm_silu(x[row : row + 1], 8, ONES, ONES)[0], rows[row])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    assert torch.equal(cpu.group_norm_silu(x, 8, ONES, ONES), rows)


X, ROW = torch.ones(2, 3, 5, 32).movedim(-1, 1), torch.ones(2, 32)


@pytest.mark.parametrize(
    ("x", "groups", "weight", "keywords", "reason"),
    [
        (X.half(), 2, ONES.half(), {}, "all float32 or bfloat16"),
        (X, 2, ONES.bfloat16(), {}, "all float32 or bfloat16"),
        (X.bfloat16(), 2, ONES, {"scale": ROW, "shift": ROW}, "weights and biases in float32 with either"),
        (X, 3, ONES, {}, r"got \[2, 32, 3, 5\] of 3 groups"),
        (X[:, :24], 3, ONES[:24], {}, "channels in steps of 16"),
        (X, 2, ONES, {"scale": ROW}, "a scale and a shift, or neither"),
        (X, 2, ONES, {"scale": ROW, "shift": ROW[:1]}, "a scale and a shift for each of a sample"),
        (X.contiguous(), 2, ONES, {}, "with channels last"),
        (X, 2, ONES.clone().requires_grad_(), {}, "no gradients"),
    ],
)
def test_what_it_cannot_take_is_refused_with_the_reason(
    x: Tensor, groups: int, weight: Tensor, keywords: dict[str, Tensor], reason: str
) -> None:
    with use(group_norm_silu="numba"), pytest.raises(MismatchError, match=reason):
        group_norm_silu(x, groups, weight, torch.ones_like(weight.detach()), **keywords)
