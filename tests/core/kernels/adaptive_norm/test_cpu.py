"""Gate, residual, norm and modulation in numba: values of the reference, and bits that depend on the row alone."""

from __future__ import annotations

import pytest
import torch

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.adaptive_norm.spec import SPEC, adaptive_norm
from genwright.kernels.spec import Call, distance
from genwright.seeds import Noise

pytest.importorskip("numba", reason="its loops need numba")

CPU = torch.device("cpu")


def serves(call: Call) -> bool:
    with use(adaptive_norm="numba"):
        return adaptive_norm.explain(*call.args, **call.keywords).chosen == "numba"


CALLS = [call for call in SPEC.awkward(torch.float32, CPU) if serves(call)]


def test_what_is_wide_enough_is_served() -> None:
    assert {call.args[0].shape[-1] for call in CALLS} == {96, 1030}


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_numbers_are_close_to_those_of_the_reference_in_float64(call: Call) -> None:
    with use(adaptive_norm="numba"):
        found = adaptive_norm(*call.args, **call.keywords)
    exact = {name: tensor.double() for name, tensor in call.keywords.items()}
    for part, wanted in zip(found, SPEC.operation.reference(call.args[0].double(), **exact), strict=True):
        assert distance(part, wanted) <= SPEC.tolerances[torch.float32]


@pytest.mark.parametrize("width", [16, 17, 31, 32, 33, 48, 64, 80, 100])
def test_every_channel_counts_once_at_each_width(width: int) -> None:
    x = Noise(4, torch.arange(2)).normal("example", 0, 3 * width).reshape(2, 3, width).contiguous()
    weight = torch.linspace(0.5, 2.0, width)
    with use(adaptive_norm="numba"):
        found = adaptive_norm(x, update=2 * x, weight=weight)
    wanted = SPEC.operation.reference(x.double(), update=2 * x.double(), weight=weight.double())
    for part, expected in zip(found, wanted, strict=True):
        assert distance(part, expected) <= SPEC.tolerances[torch.float32]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_goes_through_as_in_the_reference(value: float) -> None:
    x = torch.ones(1, 3, 40)
    x[0, 1, 39] = value
    with use(adaptive_norm="numba"):
        _, found = adaptive_norm(x)
    assert distance(found, SPEC.operation.reference(x.double())[1]) <= SPEC.tolerances[torch.float32]


def test_a_row_is_the_same_alone_and_among_others() -> None:
    x, update, gate = (
        Noise(4, torch.arange(3)).normal("example", step, 99)[:, None].contiguous() for step in (0, 1, 2)
    )
    with use(adaptive_norm="numba", invariant=True):
        rows = adaptive_norm(x, update=update, gate=gate)
        for at in (slice(row, row + 1) for row in range(3)):
            alone = adaptive_norm(x[at], update=update[at], gate=gate[at])
            assert all(torch.equal(part, whole[at]) for part, whole in zip(alone, rows, strict=True))


def test_what_it_cannot_take_is_refused() -> None:
    x = torch.ones(1, 2, 15)
    with use(adaptive_norm="numba"):
        for wrong in (x, x.repeat(1, 1, 2).double()):
            with pytest.raises(MismatchError, match="it takes float32, 16 channels or more; got"):
                adaptive_norm(wrong)
        with pytest.raises(MismatchError, match="it has no gradients"):
            adaptive_norm(torch.ones(1, 2, 32, requires_grad=True))
