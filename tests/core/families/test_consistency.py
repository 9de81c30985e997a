from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import genwright.samplers.denoise as samplers
from genwright.errors import MismatchError, OptionError, RecipeError
from genwright.families.consistency import Consistency
from genwright.families.diffusion import Diffusion
from genwright.families.flow import Flow
from genwright.family import Batch, Family, Phase
from genwright.readings import Condition, Denoiser
from genwright.recipe import Recipe, use
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Continuous
from genwright.testing.gaussians import Mixture

SPACE = Continuous(shape=(1,), axes=("X",))
DATA = Mixture(means=torch.tensor([[-0.7], [0.7]]), deviation=0.05)


class Dense(nn.Module):
    """A small network over vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 1))

    def forward(self, x: Tensor, level: Tensor, condition: Condition) -> Tensor:
        return self.layers(torch.cat((x, level[:, None]), 1))  # type: ignore[no-any-return]


def made(family: type[Family], **options: Any) -> Any:
    with seeded_torch(0):
        return family(space=SPACE, conditions=ConditionSpace(), build=lambda part, **given: Dense(), **options)  # type: ignore[call-arg]


def batch(step: int = 0, progress: float = 1.0, rows: int = 128) -> Batch:
    noise = Noise(7, torch.arange(rows) + rows * step)
    return Batch(x=DATA.drawn(noise), condition=Condition.none(rows), noise=noise, progress=progress)


def learn(family: Family, steps: int) -> None:
    (phase,) = family.phases()
    optimizer = torch.optim.AdamW(phase.parameters, lr=0.004)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.004 * min(1.0, 2 * (steps - step) / steps)
        optimizer.zero_grad()
        phase.loss(batch(step, step / steps)).backward()
        optimizer.step()


def test_a_student_draws_in_one_call_what_its_teacher_cannot() -> None:
    """The teacher's one call gives what all samples have in common, the middle between both values."""
    teacher = made(Diffusion)
    learn(teacher, 200)
    student = made(Consistency, stages=4)
    student.load_state_dict(teacher.state_dict())
    learn(student, 200)
    noise, once = Noise(3, torch.arange(500)), samplers.Consistency(steps=1, sigma_max=5.0)
    near = []
    for family in (teacher, student):
        x = once.sample(family.reading(), noise, Condition.none(500), rows=500)
        near.append([float(((x - mean).abs() < 0.25).float().mean()) for mean in DATA.means])
    assert sum(near[0]) < 0.3
    assert min(near[1]) > 0.2
    assert sum(near[1]) > 0.6


@pytest.mark.parametrize("teacher", [Diffusion, Flow])
def test_it_takes_the_weights_of_its_teacher_and_is_read_as_it(teacher: type[Family]) -> None:
    taught = made(teacher)
    student = made(Consistency, prediction=taught.preconditioning.prediction)
    for parameter in taught.parameters():
        parameter.data.add_(0.1)
    student.load_state_dict(taught.state_dict())
    x, sigma = torch.linspace(-2, 2, 6)[:, None], torch.linspace(0.1, 4, 6)
    readings = student.reading(), taught.reading()
    assert isinstance(readings[0], Denoiser)
    assert torch.equal(*(reading.denoise(x, sigma, Condition.none(6)) for reading in readings))


def test_the_lower_level_comes_nearer_by_half_in_each_stage() -> None:
    """By the paper's mapping: r / t = 1 - (1 + 8 / (1 + exp(t))) / 2^(stage + 1), and not below 0."""
    student, sigma = made(Consistency, stages=4), torch.tensor([0.01, 0.5, 3.0, 80.0])
    for progress, stage in ((0.0, 0), (0.24, 0), (0.25, 1), (0.6, 2), (0.99, 3), (1.0, 3)):
        expected = [t * max(0.0, 1 - (1 + 8 / (1 + math.exp(t))) / 2 ** (stage + 1)) for t in sigma.tolist()]
        assert student.lower(sigma, progress).tolist() == pytest.approx(expected, rel=1e-5)
    assert student.lower(sigma, 0.0)[0] == 0


def test_the_loss_is_the_published_one() -> None:
    student, given = made(Consistency, stages=2), batch(rows=64, progress=0.6)
    normal, n = given.noise.normal("level", 0, 1)[:, 0], given.noise.normal("noise", 0, 1)
    sigma = (-1.1 + 2.0 * normal).exp()
    lower = student.lower(sigma, 0.6)
    reading = student.reading()
    found = reading.denoise(given.x + sigma[:, None] * n, sigma, given.condition)
    below = reading.denoise(given.x + lower[:, None] * n, lower.clamp(min=1e-9), given.condition)
    change = found - torch.where(lower[:, None] > 0, below, given.x)
    expected = ((change[:, 0] ** 2 + 0.00054**2).sqrt() - 0.00054) / (sigma - lower)
    (phase,) = student.phases()
    assert 0 < int((lower > 0).sum()) < 64
    assert float(phase.loss(given).detach()) == pytest.approx(float(expected.mean()), rel=1e-4)


def test_what_is_drawn_to_is_not_moved() -> None:
    """The gradient is that of the upper level alone: of the lower one's result as if it were data."""
    student, given = made(Consistency), batch(rows=16)
    (phase,) = student.phases()
    calls = []
    student.network.register_forward_hook(lambda network, given, result: calls.append(result.requires_grad))
    phase.loss(given).backward()
    assert calls == [True, False]
    assert all(parameter.grad.isfinite().all() for parameter in student.parameters())


def test_it_has_no_likelihood() -> None:
    with pytest.raises(MismatchError, match="family 'consistency' learns to draw, and gives no likelihood"):
        made(Consistency).log_likelihood(torch.zeros(1, 1), Condition.none(1), Noise(0, torch.arange(1)))


def recipe(*, precision: str = "float32", **options: Any) -> Recipe:
    family = use("consistency", **options)
    return Recipe(domain="x", data="y", family=family, backbone=use("dense"), precision=precision)


@pytest.mark.parametrize(
    ("teacher", "taught", "options"),
    [
        (Diffusion, {}, {}),
        (Diffusion, {"prediction": "v", "sigma_data": 1.0}, {"prediction": "v", "sigma_data": 1}),
        (Flow, {}, {"prediction": "flow", "sigma_data": 0.3}),
        (Consistency, {"stages": 2}, {}),
    ],
)
def test_it_learns_from_a_teacher_that_is_read_alike(
    teacher: type[Family], taught: dict[str, Any], options: dict[str, Any]
) -> None:
    Consistency.check_recipe(recipe(**options), made(teacher, **taught))


@pytest.mark.parametrize(
    ("teacher", "taught", "options", "message"),
    [
        (Flow, {}, {}, r"has its teacher's prediction, 'flow', .* has 'edm'\. Write prediction = 'flow' in the"),
        (Diffusion, {}, {"prediction": "flow"}, r"teacher's prediction, 'edm', .* recipe's has 'flow'\. Write"),
        (Diffusion, {"sigma_data": 1.0}, {}, r"has its teacher's sigma_data, 1\.0, .* has 0\.5\. Write sigma_data = 1"),
        (
            Diffusion,
            {},
            {"precision": "auto"},
            r"precision='auto', which may stand for bfloat16\. Write precision = 'f",
        ),
        (Diffusion, {}, {"precision": "bfloat16"}, r"precision='bfloat16', which is bfloat16\. Write precision = 'flo"),
    ],
)
def test_a_recipe_by_which_it_would_not_learn_is_refused(
    teacher: type[Family], taught: dict[str, Any], options: dict[str, Any], message: str
) -> None:
    """It once trained to the end, on weights that meant something else or on what rounding left."""
    with pytest.raises(RecipeError, match=message):
        Consistency.check_recipe(recipe(**options), made(teacher, **taught))


def test_without_a_teacher_it_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"its teacher; this recipe has no start\. Write start with the name of such"):
        Consistency.check_recipe(recipe(), None)
    with pytest.raises(RecipeError, match=r"its teacher; this recipe has a start of family 'other'\. Write start with"):
        Consistency.check_recipe(recipe(), Other())


def test_options_that_it_does_not_take_are_refused_before_its_teacher_is_compared() -> None:
    with pytest.raises(OptionError, match=r"option 'sigma_data' of family 'consistency' takes a number; got 'wide'"):
        Consistency.check_recipe(recipe(sigma_data="wide"), made(Flow))


class Other(Family):
    """A family that does not remove noise."""

    def phases(self) -> tuple[Phase, ...]:
        return ()

    def reading(self) -> Any:
        return None


@pytest.mark.parametrize("stages", [0, 17])
def test_stages_of_which_nothing_can_be_learned_are_refused(stages: int) -> None:
    """Of 30, the last levels were the same in float32, and the loss NaN."""
    with pytest.raises(OptionError, match=rf"trained in 1 to 16 stages, .* apart; got {stages}\. Try stages=8\."):
        made(Consistency, stages=stages)


def test_levels_of_the_last_stage_are_still_apart() -> None:
    student, sigma = made(Consistency, stages=16), torch.logspace(-4, 4, 50)
    assert bool((student.lower(sigma, 1.0) < sigma).all())


@pytest.mark.parametrize("options", [{"level_mean": 100.0}, {"level_deviation": 0.0}, {"level_deviation": math.nan}])
def test_levels_that_cannot_be_computed_with_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=r"all lie within 40 of 0; got a mean of .* and a deviation of"):
        made(Consistency, **options)
