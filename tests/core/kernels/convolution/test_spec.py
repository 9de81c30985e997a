"""What is said of `convolution`."""

from __future__ import annotations

import pytest
import torch

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.catalogue import operation
from genwright.kernels.convolution.packed import Packed
from genwright.kernels.convolution.spec import SPEC, convolution
from genwright.kernels.spec import distance

CPU = torch.device("cpu")
X = torch.zeros(2, 16, 4, 5)
WEIGHT = torch.zeros(32, 16, 3, 3)


def test_it_is_in_the_catalogue() -> None:
    assert operation("convolution") is SPEC.operation


@pytest.mark.parametrize("dtype", SPEC.tolerances)
def test_loops_give_what_the_reference_gives(dtype: torch.dtype) -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    served = 0
    for call in SPEC.awkward(dtype, CPU):
        x, packed = call.args
        bias = None if packed.bias is None else packed.bias.double()
        with use(convolution="numba"):
            if convolution.explain(x, packed).chosen is None:
                continue
            found = convolution(x, packed)
        expected = SPEC.operation.reference(x.double(), Packed(weight=packed.weight.double(), bias=bias))
        assert distance(found, expected) <= SPEC.tolerances[dtype], call.name
        served += 1
    assert served == 6


@pytest.mark.parametrize(
    ("x", "weight", "told"),
    [
        (X.double(), WEIGHT, "one dtype of 16 bits, or float32"),
        (X[:, :8], WEIGHT[:, :8], "channels that 16 divides; got 8 and 32"),
        (X[:0], WEIGHT, "one place or more"),
        (X.repeat(1, 2, 1, 1), WEIGHT, "with such weights; got"),
    ],
)
def test_what_loops_cannot_take_is_refused(x: torch.Tensor, weight: torch.Tensor, told: str) -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    with use(convolution="numba"), pytest.raises(MismatchError, match=told):
        convolution(x, Packed(weight=weight))


def test_traffic_and_work_are_those_of_one_pass() -> None:
    packed = Packed(weight=WEIGHT, bias=torch.zeros(32))
    assert SPEC.traffic(X, packed) == 4 * (2 * 16 * 20 + 32 * 16 * 9 + 2 * 32 * 20 + 32)
    assert SPEC.work(X, packed) == 2 * 2 * 20 * 32 * 16 * 9
