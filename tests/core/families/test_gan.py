from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.errors import MismatchError, OptionError
from genwright.families.gan import GAN
from genwright.family import Batch
from genwright.readings import Condition, Decoder
from genwright.samplers.latent import Prior
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Continuous

SPACE = Continuous(shape=(2,), axes=("X",))
DEVIATION = 0.05


class Layers(nn.Module):
    """Three hidden layers."""

    def __init__(self, inward: int, outward: int, *, gain: float) -> None:
        super().__init__()
        sizes, self.gain = [inward, 64, 64, 64], gain
        layers = [part for i, o in pairwise(sizes) for part in (nn.Linear(i, o), nn.LeakyReLU(0.2))]
        self.layers = nn.Sequential(*layers, nn.Linear(64, outward))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(self.gain * x)


class Chooser(nn.Module):
    """A generator that weighs 32 points, and so can step from one to another more sharply than layers alone."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.points = Layers(2, 32, gain=2.0), nn.Parameter(torch.randn(32, 2))

    def forward(self, z: Tensor, condition: Condition) -> Tensor:
        return (4 * self.layers(z)).softmax(-1) @ self.points


class Judge(nn.Module):
    """A critic of points."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = Layers(2, 1, gain=4.0)

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        return self.layers(x)[:, 0]


class Plane(nn.Module):
    """A critic whose slope is known: (3, 4) everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor([3.0, 4.0]))

    def forward(self, x: Tensor, condition: Condition) -> Tensor:
        return x @ self.slope


class Shift(nn.Module):
    """A generator that moves latents by what it has learned."""

    def __init__(self) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.zeros(2))

    def forward(self, z: Tensor, condition: Condition) -> Tensor:
        return z + self.by


def known(**options: Any) -> GAN:
    def build(part: str, **given: Any) -> nn.Module:
        return Shift() if part == "generator" else Plane()

    return GAN(space=SPACE, conditions=ConditionSpace(), build=build, **{"latent": 2, **options})


def batch(x: Tensor, start: int = 0) -> Batch:
    return Batch(x=x, condition=Condition.none(len(x)), noise=Noise(0, start + torch.arange(len(x))))


def losses(made: GAN, x: Tensor) -> list[float]:
    return [float(phase.loss(batch(x)).detach()) for phase in made.phases()]


X = torch.tensor([[0.1, 0.2], [-0.3, 0.5], [0.4, 0.0]])


def verdicts(step: int) -> tuple[Tensor, Tensor]:
    """Return what the plane says of the real rows and of the drawn ones."""
    slope = torch.tensor([3.0, 4.0])
    return X @ slope, Noise(0, torch.arange(3)).normal("latent", step, 2) @ slope


def softplus(x: Tensor) -> Tensor:
    return (1 + x.double().exp()).log()


def test_the_relativistic_losses_compare_each_real_example_with_a_drawn_one() -> None:
    (real, fake), (real_again, other) = verdicts(0), verdicts(1)
    expected = [softplus(real - fake).mean(), softplus(other - real_again).mean() + 0.5 * 0.2 * (25 + 25)]
    assert losses(known(penalty=0.2), X) == pytest.approx([float(e) for e in expected], rel=1e-5)


def test_the_non_saturating_losses_judge_each_alone_and_hold_the_slope_down_at_real_ones() -> None:
    (_, fake), (real, other) = verdicts(0), verdicts(1)
    expected = [softplus(-fake).mean(), (softplus(other) + softplus(-real)).mean() + 0.5 * 0.2 * 25]
    found = losses(known(loss="non-saturating", penalty=0.2), X)
    assert found == pytest.approx([float(e) for e in expected], rel=1e-5)


@pytest.mark.parametrize("sloped", [0.1, 0.5, 1.0])
def test_the_slope_may_be_taken_at_a_share_of_the_batch_with_all_of_it_judged(sloped: float) -> None:
    # The plane's slope is the same everywhere, so the losses are too.
    assert losses(known(penalty=0.2, sloped=sloped), X) == pytest.approx(losses(known(penalty=0.2), X))
    made, seen = known(penalty=0.2, sloped=sloped), []
    made.critic.register_forward_pre_hook(lambda critic, given: seen.append((len(given[0]), given[0].requires_grad)))
    made.phases()[1].loss(batch(X))
    count = math.ceil(3 * sloped)
    assert [rows for rows, is_sloped in seen if is_sloped] == [count, count]
    assert sum(rows for rows, _ in seen) == 6


@pytest.mark.parametrize("sloped", [0.0, -1.0, 1.5, math.nan])
def test_the_share_at_which_the_slope_is_taken_is_one(sloped: float) -> None:
    with pytest.raises(
        OptionError, match=r"sloped is a share above 0, up to 1; got .*\. For no slope at all: penalty=0"
    ):
        known(sloped=sloped)


def test_the_penalty_pulls_the_slope_down() -> None:
    made = known(penalty=2.0)
    without = known(penalty=0.0)
    for one in (made, without):
        one.phases()[1].loss(batch(X)).backward()
    # Half of the weight, the square's derivative, and two places where it is held down.
    difference = made.critic.slope.grad - without.critic.slope.grad
    assert torch.allclose(difference, 2.0 * 2 * torch.tensor([3.0, 4.0]))


def test_the_critic_s_loss_moves_no_generator() -> None:
    made = known()
    made.phases()[1].loss(batch(X)).backward()
    assert made.generator.by.grad is None
    made.phases()[0].loss(batch(X)).backward()
    # Uphill, where the critic says that it is real.
    assert bool((made.generator.by.grad < 0).all())


def test_a_loss_can_be_looked_at_without_gradients() -> None:
    made = known()
    with torch.no_grad():
        found = [float(phase.loss(batch(X))) for phase in made.phases()]
    assert found == pytest.approx(losses(made, X))


def test_each_phase_moves_its_own_network_without_momentum() -> None:
    made = known()
    assert [phase.name for phase in made.phases()] == ["generator", "critic"]
    assert [len(phase.parameters) for phase in made.phases()] == [1, 1]
    assert {phase.betas for phase in made.phases()} == {(0.0, 0.99)}


def test_there_is_no_likelihood() -> None:
    with pytest.raises(MismatchError, match="family 'gan' learns to draw, and gives no likelihood"):
        known().log_likelihood(X, Condition.none(3), Noise(0, torch.arange(3)))


def test_a_negative_penalty_is_refused() -> None:
    with pytest.raises(OptionError, match=r"penalty is 0 or more; got -1\.0\. Try penalty=1"):
        known(penalty=-1.0)


def centres() -> Tensor:
    angles = torch.arange(8) * (2 * math.pi / 8)
    return torch.stack([angles.cos(), angles.sin()], 1)


def eight(noise: Noise) -> Tensor:
    """Return points of eight normals on a circle, equally likely."""
    return centres()[noise.bits("mode", 0, 1)[:, 0] % 8] + DEVIATION * noise.normal("place", 0, 2)


def trained(steps: int, **options: Any) -> GAN:
    def build(part: str, **given: Any) -> nn.Module:
        return Chooser() if part == "generator" else Judge()

    with seeded_torch(3):
        made = GAN(space=SPACE, conditions=ConditionSpace(), build=build, **{"latent": 2, "penalty": 0.02, **options})
    optimizers = [
        torch.optim.AdamW(phase.parameters, lr=3e-3, betas=phase.betas, weight_decay=0.0) for phase in made.phases()
    ]
    average = {name: value.clone() for name, value in made.generator.state_dict().items()}
    for step in range(steps):
        noise = Noise(1, step * 128 + torch.arange(128))
        for phase, optimizer in zip(made.phases(), optimizers, strict=True):
            optimizer.param_groups[0]["lr"] = 3e-3 * min(1.0, 2 * (steps - step) / steps)
            made.zero_grad()
            phase.loss(Batch(x=eight(noise), condition=Condition.none(128), noise=noise)).backward()
            optimizer.step()
        for name, value in made.generator.state_dict().items():
            average[name].lerp_(value, max(0.01, 1 / (step + 1)))
    made.generator.load_state_dict(average)
    return made


def good(made: GAN) -> Tensor:
    """Return how many of 4,000 samples are near each centre: within four deviations, as is usual for these points.

    Source: Azadi et al. (2019), arXiv:1810.06758.
    """
    reading = made.reading()
    assert isinstance(reading, Decoder)
    samples = Prior().sample(reading, Noise(7, torch.arange(4_000)), Condition.none(4_000), rows=1_000)
    distance, nearest = torch.cdist(samples, centres()).min(1)
    return torch.bincount(nearest[distance < 4 * DEVIATION], minlength=8)


@pytest.mark.parametrize("loss", ["relativistic", "non-saturating"])
def test_a_penalty_takes_the_gradient_of_a_gradient_in_the_loss_of_the_critic(loss: str) -> None:
    assert [phase.twice for phase in known(loss=loss, penalty=0.1).phases()] == [False, True]
    assert [phase.twice for phase in known(loss=loss, penalty=0.0).phases()] == [False, False]


@pytest.mark.parametrize("loss", ["relativistic", "non-saturating"])
def test_all_of_eight_normals_are_soon_drawn(loss: str) -> None:
    counts = good(trained(500, loss=loss))
    # An even share is 500.
    assert int(counts.min()) > 50


@pytest.mark.slow
def test_all_of_eight_normals_are_drawn_and_hardly_anything_between_them() -> None:
    counts = good(trained(1500))
    assert int(counts.min()) > 250
    assert int(counts.sum()) >= 0.95 * 4_000
