from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from genwright.backbones.unet import Attention, UNet
from genwright.errors import MismatchError, OptionError
from genwright.kernels.prepacked import prepacked
from genwright.kernels.record import recorded
from genwright.kernels.spec import distance
from genwright.space import ConditionSpace, Continuous
from genwright.testing.networks import asked, shaken

CONDITIONS = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"colour": ("red", "green")})
SMALL: dict[str, Any] = {"width": 8, "blocks": 1, "groups": 4}


def space(*shape: int) -> Continuous:
    return Continuous(shape=shape, axes=("C", "Y", "X")[: len(shape)])


def network(*shape: int, **options: Any) -> UNet:
    """A network all of whose weights matter; those that end a block begin at zero."""
    return (
        shaken(UNet(space=space(*shape), conditions=CONDITIONS, **(SMALL | options)), by=0.3)
        .eval()
        .requires_grad_(False)
    )


def noisy(*shape: int) -> Tensor:
    return torch.randn(2, *shape, generator=torch.Generator().manual_seed(1))


LEVEL = torch.tensor([0.3, 0.7])


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 9, 14), (2, 37), (4, 7, 7), (1, 5, 4), (1, 31, 8)])
def test_any_size_comes_back_as_it_went_in(shape: tuple[int, ...]) -> None:
    made = network(*shape, attention=(2,))
    found = made(noisy(*shape), LEVEL, asked())
    assert found.shape == (2, *shape)
    assert found.isfinite().all()
    assert found.std() > 0.1


@pytest.mark.parametrize("halves", [False, True])
def test_loops_serve_a_packed_network_in_both_precisions(halves: bool) -> None:
    pytest.importorskip("numba", reason="its loops need numba")
    made, x = network(1, 12, 12, width=32, groups=8, attention=(1,)), noisy(1, 12, 12)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=halves), recorded() as chosen:
        found = prepacked(made)(x, LEVEL, asked())
    assert chosen["group_norm_silu"] == chosen["convolution"] == ["numba"]
    assert "linear" in chosen
    assert distance(found, made(x, LEVEL, asked())) < (3e-2 if halves else 1e-5)


@pytest.mark.parametrize("options", [{}, {"attention": (0,)}, {"multipliers": (1, 2, 3, 3), "blocks": 2}])
def test_level_and_condition_act_alone(options: dict[str, Any]) -> None:
    made, x = network(1, 12, 12, **options), noisy(1, 12, 12)
    before = made(x, LEVEL, asked())
    assert (made(x, LEVEL + 0.1, asked()) - before).abs().max() > 1e-3
    assert (made(x, LEVEL, asked(scalar=1.0)) - before).abs().max() > 1e-3
    assert (made(x, LEVEL, asked(label=1)) - before).abs().max() > 1e-3
    # Rows do not meet.
    assert torch.equal(made(x, LEVEL * torch.tensor([1.0, 2.0]), asked())[0], before[0])


def test_every_place_is_seen_from_every_other_across_the_levels() -> None:
    made, x = network(1, 12, 12), noisy(1, 12, 12).requires_grad_()
    made(x, LEVEL, asked())[0, 0, 0, 0].backward()
    assert x.grad is not None
    assert (x.grad[0] != 0).all()
    assert (x.grad[1] == 0).all()


def unnormed(x: Tensor, *_: Any, scale: Tensor | None = None, shift: Tensor | None = None, **__: Any) -> Tensor:
    """Return what `group_norm_silu` would, of activations whose norm is left out."""
    return F.silu(x if scale is None or shift is None else x * scale[..., None] + shift[..., None])


def test_with_one_level_only_near_places_are_seen_unless_there_is_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    # Group norms see all places: without them what is left are the convolutions.
    monkeypatch.setattr("genwright.backbones.unet.group_norm_silu", unnormed)
    x = noisy(1, 40)
    for attention, reached in ((), False), ((0,), True):
        made = network(1, 40, multipliers=(1,), groups=8, attention=attention)
        for part in made.modules():
            if isinstance(part, torch.nn.GroupNorm):
                part.forward = torch.nn.Identity().forward  # type: ignore[method-assign]
        changed = x.clone()
        changed[..., -1] += 1
        moved = made(changed, LEVEL, asked()) - made(x, LEVEL, asked())
        assert (moved[..., 0].abs().max() > 1e-5) == reached


def test_a_new_network_gives_zeros() -> None:
    """A family's skip connection is then all there is, from which training starts well."""
    made = UNet(space=space(1, 12, 12), conditions=CONDITIONS, **SMALL)
    assert torch.equal(made(noisy(1, 12, 12), LEVEL, asked()), torch.zeros(2, 1, 12, 12))


def test_every_weight_gets_a_finite_gradient() -> None:
    made = network(1, 12, 12, attention=(1,)).requires_grad_()
    made(noisy(1, 12, 12), LEVEL, asked(scalar=0.5, label=1)).square().mean().backward()
    for name, parameter in made.named_parameters():
        # What is not asked for has a vector that nobody used here.
        if not name.endswith("unasked"):
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            # What shifts all of a head's scores alike does not move a softmax; only rounding remains.
            assert parameter.grad.abs().max() > 0, name


def test_attention_is_what_its_definition_says() -> None:
    torch.manual_seed(0)
    attention = Attention(64, groups=8).requires_grad_(False)
    attention.outward.weight.copy_(torch.eye(64))  # type: ignore[operator,union-attr]
    x = torch.randn(1, 64, 3, 2)
    assert attention.heads == 2
    places = torch.nn.functional.group_norm(x, 8)[0].flatten(1).T
    q, k, v = (places @ attention.inward.weight.T + attention.inward.bias).chunk(3, 1)
    each = [(q[:, h] @ k[:, h].T / 32**0.5).softmax(-1) @ v[:, h] for h in (slice(32), slice(32, 64))]
    expected = x[0] + torch.cat(each, 1).T.view(64, 3, 2)
    assert torch.allclose(attention(x)[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "options", "error", "message"),
    [
        ((5,), {}, MismatchError, r"shape \(C, L\) or \(C, Y, X\); got \(5,\). For a vector, use the backbone 'dense'"),
        ((1, 3, 8), {}, OptionError, r"with 3 multipliers halves each axis 2 times; got the shape \(1, 3, 8\)"),
        ((1, 8, 8), {"width": 0}, OptionError, "width, blocks and groups are 1 or more.*got width=0"),
        ((1, 8, 8), {"blocks": 0}, OptionError, "blocks=0"),
        ((1, 8, 8), {"multipliers": ()}, OptionError, r"multipliers=\(\)"),
        ((1, 8, 8), {"multipliers": (1, 0)}, OptionError, r"multipliers=\(1, 0\)"),
        ((1, 8, 8), {"width": 6}, OptionError, "whole multiples of groups; got width=6"),
        ((1, 8, 8), {"attention": (3,)}, OptionError, r"levels from 0 to 2; got \(3,\)"),
    ],
)
def test_what_cannot_be_is_refused(
    shape: tuple[int, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        UNet(space=space(*shape), conditions=CONDITIONS, **(SMALL | options))
