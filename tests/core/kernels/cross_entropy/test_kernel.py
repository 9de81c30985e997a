"""Cross-entropy by Triton."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.kernels import use
from genwright.kernels.cross_entropy.spec import SPEC, cross_entropy
from genwright.kernels.spec import Call, distance
from genwright.seeds import Noise

pytest.importorskip("triton", reason="its kernels need Triton")
from tests.core.kernels.hopper import SHARED_LIMIT, asked, every

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# The interpreter computes no bfloat16.
DTYPES = [dtype for dtype in SPEC.tolerances if DEVICE.type == "cuda" or dtype != torch.bfloat16]
CALLS = [(call, dtype) for dtype in DTYPES for call in SPEC.awkward(dtype, DEVICE)]
MODULE = "genwright.kernels.cross_entropy.kernel"


def results(call: Call, implementation: str, dtype: torch.dtype) -> list[Tensor]:
    """Return what rows cost, and the gradient of logits."""
    leaf = call.args[0].detach().to(dtype).requires_grad_()
    # Only of what is no leaf may the place be taken.
    logits = leaf + 0 if call.keywords.get("in_place") else leaf
    with use(cross_entropy=implementation):
        losses = cross_entropy(logits, *call.args[1:], **call.keywords)
    weights = torch.linspace(-1.0, 2.0, len(losses), device=DEVICE)
    (gradient,) = torch.autograd.grad(losses, leaf, weights.to(losses.dtype))
    return [losses.detach(), gradient]


# NumPy, which interprets, tells of NaN and infinities.
@pytest.mark.filterwarnings("ignore:(invalid value|overflow|divide by zero) encountered:RuntimeWarning")
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("call", "dtype"), CALLS, ids=lambda given: given.name if isinstance(given, Call) else None)
def test_costs_and_gradients_are_close_to_those_of_the_reference_in_float64(call: Call, dtype: torch.dtype) -> None:
    losses, gradient = results(call, "triton", dtype)
    assert (losses.dtype, gradient.dtype) == (torch.float32, dtype)
    expected = results(call, "reference", torch.float64)
    assert distance(losses, expected[0]) <= SPEC.tolerances[torch.float32]
    assert distance(gradient, expected[1]) <= SPEC.tolerances[dtype]


def test_a_row_is_the_same_alone_and_among_others() -> None:
    logits, targets = Noise(4, torch.arange(3, device=DEVICE)).normal("example", 0, 50), torch.tensor([4, 49, 0])
    targets = targets.to(DEVICE)

    def computed(rows: slice) -> tuple[Tensor, Tensor]:
        leaf = logits[rows].clone().requires_grad_()
        losses = cross_entropy(leaf, targets[rows])
        return losses.detach(), torch.autograd.grad(losses.sum(), leaf)[0]

    with use(cross_entropy="triton", invariant=True):
        whole = computed(slice(None))
        for row in range(3):
            at = slice(row, row + 1)
            assert all(torch.equal(alone, among[at]) for alone, among in zip(computed(at), whole, strict=True))


def test_a_gradient_takes_the_place_of_logits_only_where_it_may_and_once() -> None:
    leaf, targets = torch.zeros(2, 5, device=DEVICE, requires_grad=True), torch.tensor([1, 2], device=DEVICE)
    with use(cross_entropy="triton"):
        cross_entropy(leaf, targets, in_place=True).sum().backward()
        assert torch.equal(leaf, torch.zeros_like(leaf))
        logits = leaf + 1
        cross_entropy(logits, targets).sum().backward(retain_graph=True)
        assert (logits == 1).all()
        losses = cross_entropy(logits, targets, in_place=True).sum()
        losses.backward(retain_graph=True)
        torch.testing.assert_close(logits, leaf.grad / 3)
        with pytest.raises(MismatchError, match=r"with in_place=True the first has overwritten them\. Leave"):
            losses.backward()


def test_a_target_that_is_no_token_costs_nan() -> None:
    with use(cross_entropy="triton"):
        losses = cross_entropy(torch.zeros(3, 4, device=DEVICE), torch.tensor([4, -1, 0], device=DEVICE))
    assert losses.isnan().tolist() == [True, True, False]


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_on_hopper_no_register_spills(dtype: str) -> None:
    for found in every([_launch(name, dtype) for name in ("losses_kernel", "gradient_kernel")]):
        assert (found.stack, found.shared <= SHARED_LIMIT, found.count("fma.rn.f32")) == (0, True, 0)


def _launch(name: str, dtype: str) -> dict[str, Any]:
    strides = [f"{stride}_stride" for stride in ("gradient", "logits", "losses", "targets")]
    types = dict.fromkeys([*strides, "width", "ignored"], "i32") | dict.fromkeys(("logits", "gradient"), f"*{dtype}")
    types |= dict.fromkeys(("losses", "sums", "d_losses"), "*fp32") | {"targets": "*i64"}
    absent = {"losses_stride", "gradient_stride", "gradient", "d_losses"} if name == "losses_kernel" else {"losses"}
    given = {key: value for key, value in types.items() if key not in absent}
    return asked(f"{MODULE}:{name}", given, {"BLOCK": 4096}, num_warps=8, enable_fp_fusion=False)
