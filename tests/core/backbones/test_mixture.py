from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genwright.backbones.mixture import LogisticMixture, level_probabilities


def parameters(rows: int = 300, *, sharpest: float = 30.0) -> tuple[Tensor, Tensor, Tensor]:
    """Shares, means beyond both ends too, and rates; in double precision."""
    generator = torch.Generator().manual_seed(4)
    shares = torch.randn(rows, 3, generator=generator).double().softmax(-1)
    means = torch.randn(rows, 3, generator=generator).double()
    rates = 0.5 + sharpest * torch.rand(rows, 3, generator=generator).double()
    return shares, means, rates


def naive(shares: Tensor, means: Tensor, rates: Tensor, levels: int) -> Tensor:
    """What the definition says: differences of the distribution function half a step below and above each level."""
    step = 2 / (levels - 1)
    edges = torch.linspace(-1, 1, levels, dtype=torch.float64)[1:] - step / 2
    below = (shares[..., None] * ((edges - means[..., None]) * rates[..., None]).sigmoid()).sum(-2)
    whole = torch.cat((torch.zeros_like(below[..., :1]), below, shares.sum(-1, keepdim=True)), -1)
    return whole.diff(dim=-1)


@pytest.mark.parametrize("levels", [2, 3, 17, 256])
def test_levels_have_the_probabilities_of_the_definition(levels: int) -> None:
    given = parameters()
    found = level_probabilities(*given, levels)
    assert found.shape == (300, levels)
    assert torch.allclose(found, naive(*given, levels), atol=1e-12)
    assert torch.allclose(found.sum(-1), torch.ones(300).double(), atol=1e-12)


def test_tails_keep_their_digits_in_single_precision() -> None:
    """A difference of distribution functions would have none left below 1e-7."""
    exact = level_probabilities(*parameters(sharpest=15.0), 64)
    single = level_probabilities(*(part.float() for part in parameters(sharpest=15.0)), 64).double()
    assert exact.min() < 1e-9
    assert (single / exact - 1).abs().max() < 1e-4


def test_gradients_are_those_of_the_definition() -> None:
    """Over several chunks of positions."""
    given = [part.requires_grad_() for part in parameters()]
    slope = torch.randn(300, 9, generator=torch.Generator().manual_seed(3)).double()
    found = torch.autograd.grad(level_probabilities(*given, 9), given, slope)
    expected = torch.autograd.grad(naive(*given, 9), given, slope)
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-10)


def test_a_new_mixture_gives_every_level_a_share_and_its_logits_are_log_probabilities() -> None:
    torch.manual_seed(0)
    made = LogisticMixture(8, 256, components=4)
    logits = made(torch.randn(2, 5, 8))
    assert logits.shape == (2, 5, 256)
    assert torch.allclose(logits.exp().sum(-1), torch.ones(2, 5), atol=1e-4)
    assert logits.min() > -12


@pytest.mark.parametrize("size", [1.0, 1e3, 1e8])
def test_logits_and_gradients_are_finite_whatever_comes_in(size: float) -> None:
    torch.manual_seed(0)
    made = LogisticMixture(8, 16, components=2)
    x = (torch.randn(40, 8) * size).requires_grad_()
    torch.nn.functional.cross_entropy(made(x), torch.arange(40) % 16).backward()
    assert x.grad is not None
    assert all(part.isfinite().all() for part in (x.grad, made.inward.weight.grad, made.bias.grad))  # type: ignore[union-attr]


def test_in_half_precision_it_is_computed_in_single() -> None:
    torch.manual_seed(0)
    made = LogisticMixture(8, 256, components=2).to(torch.bfloat16)
    assert made(torch.randn(3, 8, dtype=torch.bfloat16)).dtype == torch.float32


def test_where_a_step_is_computed_in_half_precision_probabilities_are_not() -> None:
    """Products are computed in half precision there, whatever goes into them."""
    torch.manual_seed(0)
    made, x = LogisticMixture(8, 256, components=2), torch.randn(3, 8)
    with torch.autocast("cpu", torch.bfloat16):
        found = made(x)
        inward = made.inward(x).float()
    shares, means, scales = inward.chunk(3, -1)
    exact = level_probabilities(shares.softmax(-1), means, (-scales).exp(), 256)
    assert torch.allclose(found.exp(), exact, atol=1e-6)


@pytest.mark.parametrize(("levels", "components"), [(256, 3), (5, 3), (17, 1), (256, 4)])
def test_a_row_has_the_same_bits_wherever_it_lies(levels: int, components: int) -> None:
    """torch.sigmoid computes the last elements of an array otherwise, where they do not fill a vector register."""
    torch.manual_seed(0)
    made = LogisticMixture(8, levels, components=components).requires_grad_(False)
    for x in torch.randn(20, 1, 8):
        logits = made(x.expand(16, -1).contiguous())
        assert all(torch.equal(row, logits[0]) for row in logits)
