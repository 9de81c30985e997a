from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import ndtr
from torch import Tensor

from genwright.errors import OptionError
from genwright.families.vae import VAE
from genwright.family import Batch
from genwright.readings import Condition, Decoder
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Continuous, SampleSpace, Tokens
from genwright.testing.networks import affine
from genwright.testing.planes import near_a_plane

SPACE = Continuous(shape=(5,), axes=("X",))
PLANE = near_a_plane()
COUNT = len(PLANE.points)


def family(space: SampleSpace = SPACE, *, seed: int = 0, **options: Any) -> VAE:
    with seeded_torch(seed):
        return VAE(space=space, conditions=ConditionSpace(), build=affine, **{"latent": 2, **options})


def batch(x: Tensor, seed: int = 0) -> Batch:
    return Batch(x=x, condition=Condition.none(len(x)), noise=Noise(seed, torch.arange(len(x))))


def exact(made: VAE, x: Tensor) -> Tensor:
    """Return log p(x) under a linear likelihood: a normal in closed form."""
    layer = made.likelihood.layer
    weight, bias = layer.weight.detach().double(), layer.bias.detach().double()
    covariance = weight @ weight.T + made.deviation.detach().double() ** 2 * torch.eye(5)
    return torch.distributions.MultivariateNormal(bias, covariance).log_prob(x.double())


def trained(made: VAE, x: Tensor, steps: int) -> VAE:
    (phase,) = made.phases()
    optimizer = torch.optim.AdamW(phase.parameters, lr=0.02, betas=phase.betas, weight_decay=0.0)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 0.02 * min(1.0, 2 * (steps - step) / steps)
        optimizer.zero_grad()
        phase.loss(batch(x, step)).backward()
        optimizer.step()
    return made.eval()


@pytest.fixture(scope="module")
def fitted() -> VAE:
    return trained(family(), PLANE.points, 700)


def test_the_trained_bound_reaches_probabilistic_pca(fitted: VAE) -> None:
    """Linear posteriors are exact at the best linear model, so there the bound is the likelihood."""
    (phase,) = fitted.phases()
    with torch.no_grad():
        bound = -5 * sum(float(phase.loss(batch(PLANE.points, seed))) for seed in range(20)) / 20
    assert bound == pytest.approx(PLANE.evidence, abs=0.03)
    assert float(exact(fitted, PLANE.points).mean()) == pytest.approx(PLANE.evidence, abs=0.01)
    assert bound < PLANE.evidence + 0.01


def test_the_learned_deviation_is_that_of_what_lies_off_the_plane(fitted: VAE) -> None:
    assert float(fitted.deviation.detach()) == pytest.approx(PLANE.deviation, rel=0.05)


def test_the_latents_of_items_bring_back_their_part_in_the_plane(fitted: VAE) -> None:
    again = fitted.decode(fitted.encode(PLANE.points, Condition.none(COUNT)), Condition.none(COUNT))
    # Latents are drawn a little towards the middle, by the prior.
    assert float((again - PLANE.projected(PLANE.points)).square().mean().sqrt().detach()) < 0.03


def test_the_likelihood_spans_the_plane(fitted: VAE) -> None:
    learned = torch.linalg.qr(fitted.likelihood.layer.weight.detach().double()).Q
    # Cosines of the angles between the two.
    assert float(torch.linalg.svdvals(learned.mT @ PLANE.directions).min()) > 0.999


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_is_below_the_likelihood_and_tighter_with_more_draws(seed: int) -> None:
    x = PLANE.points[:32].repeat(100, 1)
    many, condition = Noise(seed, torch.arange(len(x))), Condition.none(len(x))
    above, means = exact(family(seed=seed), x[:32]), []
    for draws in (1, 4, 32):
        found = family(seed=seed, draws=draws).log_likelihood(x, condition, many).view(100, 32).double()
        assert bool(((found.mean(0) - above) / (found.std(0) / 10) < 4).all())
        means.append(float(found.mean()))
    assert means == sorted(means)
    assert float(above.mean()) > means[0] + 0.1


def test_many_draws_reach_the_likelihood() -> None:
    x = PLANE.points[:32]
    made = family(draws=1000)
    found = made.log_likelihood(x, Condition.none(32), Noise(1, torch.arange(32)))
    assert torch.allclose(found.double(), exact(made, x), atol=0.2)


def test_one_draw_s_loss_is_the_negative_bound_per_position() -> None:
    """The divergence in closed form, and as the mean over draws of which one gives an estimate."""
    x = PLANE.points[:16].repeat(3000, 1)
    made = family(draws=1)
    (phase,) = made.phases()
    bound = made.log_likelihood(x, Condition.none(len(x)), Noise(3, torch.arange(len(x))))
    assert float(phase.loss(batch(x)).detach()) == pytest.approx(-float(bound.mean()) / 5, rel=0.02)


def test_what_has_a_step_has_the_mass_within_half_of_it() -> None:
    """On the grid of all values the masses of one dimension sum to 1, however far from the mean and however fine."""
    space = Continuous(shape=(1,), axes=("X",), step=0.25)
    made = family(space, latent=1, draws=1)
    for parameter in made.parameters():
        parameter.data.zero_()
    grid = torch.arange(-40, 41)[:, None] * 0.25
    found = made.log_likelihood(grid, Condition.none(81), Noise(0, torch.arange(81)))
    assert float(found.double().exp().sum()) == pytest.approx(1, abs=1e-6)
    edges = np.arange(-40.5, 41) * 0.25 / float(made.deviation.detach())
    # The upper half is as the lower, by symmetry; SciPy's differences are not exact there, since 1 minus a little is 1.
    masses = torch.from_numpy(ndtr(edges[1:]) - ndtr(edges[:-1]))
    assert torch.allclose(found[:41].double(), masses[:41].log(), atol=1e-4)
    assert torch.equal(found, found.flip(0))


def test_far_from_the_mean_the_gradient_still_says_where_to_go() -> None:
    space = Continuous(shape=(5,), axes=("X",), step=2 / 255)
    made = family(space)
    made.spread.data.fill_(-2.0)
    (phase,) = made.phases()
    loss = phase.loss(batch(PLANE.points * 20))
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    gradients = [p.grad for p in phase.parameters if p.grad is not None]
    assert all(bool(gradient.isfinite().all()) for gradient in gradients)
    assert made.spread.grad is not None
    assert float(made.spread.grad) < 0


def test_tokens_have_the_network_s_probabilities() -> None:
    space = Tokens(vocab_size=3, shape=(2, 2))
    made = family(space, draws=1, latent=2)
    made.likelihood.layer.weight.data.zero_()
    x = torch.tensor([[[0, 1], [2, 2]], [[1, 1], [0, 2]]])
    logs = made.likelihood.layer.bias.detach().view(4, 3).log_softmax(-1)
    by_hand = torch.stack([logs[torch.arange(4), row].sum() for row in x.flatten(1)])
    made.posterior.layer.weight.data.zero_()
    made.posterior.layer.bias.data.zero_()
    found = made.log_likelihood(x, Condition.none(2), Noise(0, torch.arange(2)))
    assert torch.allclose(found, by_hand, atol=1e-6)
    tokens = made.reading().decode(torch.zeros(2, 2), Condition.none(2))
    assert tokens.tolist() == [logs.argmax(-1).view(2, 2).tolist()] * 2


def test_beta_weighs_the_divergence_and_free_bits_cost_nothing() -> None:
    x = PLANE.points
    losses = {}
    for name, options in {
        "plain": {},
        "twice": {"beta": 2.0},
        "none": {"beta": 0.0},
        "free": {"free_bits": 9.0},
    }.items():
        (phase,) = family(**options).phases()
        losses[name] = float(phase.loss(batch(x)).detach())
    assert losses["twice"] - losses["plain"] == pytest.approx(losses["plain"] - losses["none"], rel=1e-4)
    # Two latents of nine free bits each, in nats per position.
    assert losses["free"] - losses["none"] == pytest.approx(2 * 9 * math.log(2) / 5, rel=1e-4)


def test_a_latent_may_keep_places() -> None:
    made = family(Continuous(shape=(1, 4, 4), axes=("C", "Y", "X")), latent=(3, 2, 2))
    assert made.latents == Continuous(shape=(3, 2, 2), axes=("C", "Y", "X"))
    x = torch.zeros(2, 1, 4, 4)
    assert made.encode(x, Condition.none(2)).shape == (2, 3, 2, 2)
    reading = made.reading()
    assert isinstance(reading, Decoder)
    assert reading.latent == (3, 2, 2)
    assert reading.decode(torch.zeros(2, 3, 2, 2), Condition.none(2)).shape == (2, 1, 4, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"latent": 0}, r"latent is a width of 1 or more, or a shape of such; got 0\. Try latent=32"),
        ({"latent": ()}, r"or a shape of such; got \(\)"),
        ({"beta": -1.0}, r"beta is 0 or more; got -1\.0\. Try beta=1"),
        ({"free_bits": math.nan}, r"free_bits are 0 or more; got nan"),
        ({"draws": 0}, r"likelihood takes 1 draw or more; got 0\. Try draws=64"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        family(**options)
