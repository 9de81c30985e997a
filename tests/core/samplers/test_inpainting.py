from __future__ import annotations

from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from genwright.errors import ShapeError
from genwright.readings import Condition, Denoiser
from genwright.sampler import Sampler
from genwright.samplers.denoise import DDPM, DPMSolver, Euler, Heun, UniPC
from genwright.samplers.inpainting import Inpainted
from genwright.seeds import Noise
from genwright.testing.gaussians import Gaussian, Mixture

# Both coordinates are near 1, or both near -1.
PAIRS = Mixture(means=torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), deviation=0.1)
INNER = [DPMSolver(), Heun(), Heun(churn=10.0), UniPC(), DDPM(steps=40)]


def drawn(reading: Denoiser, inner: Sampler[Denoiser], known: list[float], count: int = 60) -> Tensor:
    made = Inpainted(inner=inner, known=torch.tensor(known))
    return made.sample(reading, Noise(2, torch.arange(count)), Condition.none(count), rows=min(count, 50))


@pytest.mark.parametrize("inner", INNER, ids=lambda inner: type(inner).__name__)
def test_the_part_is_kept_to_the_bit_and_the_rest_fits_it(inner: Sampler[Denoiser]) -> None:
    x = drawn(PAIRS, inner, [0.93, torch.nan], 500)
    assert (x[:, 0] == torch.tensor(0.93)).all()
    # Half would fit by chance.
    assert float(((x[:, 1] - 1).abs() < 0.5).float().mean()) > (0.97 if isinstance(inner, DDPM) else 0.85)


@dataclass
class Seen:
    """A denoiser that keeps what it was given."""

    inner: Denoiser
    shape: tuple[int, ...] = (2,)
    given: list[tuple[float, Tensor]] = field(default_factory=list)

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        self.given.append((float(sigma[0]), x))
        return self.inner.denoise(x, sigma, condition)


@pytest.mark.parametrize("inner", INNER, ids=lambda inner: type(inner).__name__)
def test_the_network_sees_the_part_with_noise_of_each_level(inner: Sampler[Denoiser]) -> None:
    seen = Seen(PAIRS)
    made = Inpainted(inner=inner, known=torch.tensor([0.93, torch.nan]))
    made.sample(seen, Noise(2, torch.arange(500)), Condition.none(500), rows=500)
    noise = torch.stack([(x[:, 0] - 0.93) / sigma for sigma, x in seen.given])
    assert torch.allclose(noise.mean(1), torch.zeros(len(noise)), atol=0.2)
    assert torch.allclose(noise.std(1), torch.ones(len(noise)), atol=0.15)
    between = torch.corrcoef(noise) - torch.eye(len(noise))
    assert between.abs().max() < 0.25


def test_a_part_that_says_nothing_of_the_rest_leaves_it_as_it_is() -> None:
    apart = Gaussian(mean=torch.tensor([0.2, -0.1]), covariance=torch.diag(torch.tensor([0.3, 0.2])))
    plain = Euler().sample(apart, Noise(2, torch.arange(60)), Condition.none(60), rows=30)
    assert torch.allclose(drawn(apart, Euler(), [0.93, torch.nan])[:, 1], plain[:, 1], atol=1e-5)


def test_a_part_that_is_nothing_changes_nothing() -> None:
    plain = DPMSolver().sample(PAIRS, Noise(2, torch.arange(60)), Condition.none(60), rows=30)
    assert torch.equal(drawn(PAIRS, DPMSolver(), [torch.nan, torch.nan]), plain)


def test_a_sample_is_bit_equal_alone_and_in_any_batch() -> None:
    made = Inpainted(inner=DDPM(steps=10), known=torch.tensor([torch.nan, 0.2]))
    whole = made.sample(PAIRS, Noise(2, torch.arange(11)), Condition.none(11), rows=4)
    for index in (0, 5, 10):
        alone = made.sample(PAIRS, Noise(2, torch.tensor([index])), Condition.none(1), rows=4)
        assert torch.equal(alone[0], whole[index])


def test_a_part_of_another_shape_is_refused() -> None:
    with pytest.raises(
        ShapeError, match=r"has the sample's shape, \[2\], with NaN where .* got \[3\]\. Encode the item"
    ):
        drawn(PAIRS, Euler(), [0.1, torch.nan, 0.2])
    with pytest.raises(ShapeError, match=r"got \[1\]\."):
        Inpainted(inner=Euler(), known=torch.tensor([torch.nan])).check(PAIRS)
