from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor

from genwright.errors import MismatchError, OptionError, ShapeError
from genwright.known import written
from genwright.readings import Condition, Denoiser
from genwright.sampler import Sampler
from genwright.samplers.denoise import DDPM, DPMSolver, Euler, Heun, UniPC
from genwright.samplers.guidance import Guided
from genwright.samplers.inpainting import Inpainted
from genwright.samplers.latent import Prior
from genwright.samplers.tokens import Greedy, MinP, Temperature, TopK, TopP
from genwright.samplers.unmask import Confidence, Random
from genwright.seeds import Noise
from genwright.specs import Reads
from genwright.testing.gaussians import Gaussian, Mixture
from genwright.testing.networks import asked
from genwright.testing.readings import Finite, Following, Linear
from genwright.testing.samplers import READINGS, check_sampler

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


def test_a_part_of_another_shape_is_refused() -> None:
    with pytest.raises(
        ShapeError, match=r"has the sample's shape, \[2\], with NaN where .* got \[3\]\. Encode the item"
    ):
        drawn(PAIRS, Euler(), [0.1, torch.nan, 0.2])
    with pytest.raises(ShapeError, match=r"got \[1\]\."):
        Inpainted(inner=Euler(), known=torch.tensor([torch.nan])).check(PAIRS)


ROWS = Finite(
    rows=torch.tensor(
        [[1, 2, 3, 4, 1, 2], [1, 2, 0, 0, 0, 0], [4, 1, 2, 0, 0, 0], [1, 4, 3, 2, 1, 2], [1, 1, 1, 1, 1, 1]]
    ),
    probabilities=torch.tensor([0.3, 0.25, 0.2, 0.15, 0.1]),
    vocab_size=5,
)
FOLLOWING = Following(rows=ROWS)
UNMASKING: list[Sampler[Any]] = [Random(steps=64), Confidence(steps=64)]
RULES: list[Sampler[Any]] = [Temperature(), Greedy(), TopK(k=2), TopP(p=0.9), MinP(p=0.1)]


@dataclass
class Pictures:
    """The same rows as pictures of two by three, with what was asked of them."""

    shape: tuple[int, ...] = (2, 3)
    mask: int = 5
    given: list[Tensor] = field(default_factory=list)

    def unmask(self, x: Tensor, condition: Condition) -> Tensor:
        self.given.append(x)
        return ROWS.unmask(x.flatten(1), condition).view(*x.shape, 5)


def completed(
    reading: Any, inner: Sampler[Any], known: Tensor, count: int = 60, *, prefix: list[int] | None = None
) -> Tensor:
    condition = replace(Condition.none(count), prefix=torch.tensor([prefix or []] * count, dtype=torch.int64))
    made = Inpainted(inner=inner, known=known)
    return made.sample(reading, Noise(2, torch.arange(count)), condition, rows=min(count, 500))


def agreement(tokens: Tensor, known: Tensor) -> float:
    """Return how probable it is that rows are drawn as the model says, of those that have the part."""
    possible = ((known.flatten() < 0) | (known.flatten() == ROWS.rows)).all(1)
    which = (tokens.flatten(1)[:, None] == ROWS.rows).all(2).sum(0)
    assert which[possible].sum() == len(tokens)
    expected = ROWS.probabilities[possible].double()
    return float(stats.chisquare(which[possible].numpy(), len(tokens) * (expected / expected.sum()).numpy()).pvalue)


@pytest.mark.parametrize("inner", UNMASKING, ids=lambda inner: type(inner).__name__)
@pytest.mark.parametrize(
    "known",
    [
        [[1, -1, -1], [-1, -1, -1]],
        [[-1, -1, 3], [-1, -1, -1]],
        [[-1, -1, -1], [-1, 1, -1]],
        [[-1, -1, -1], [-1, -1, 0]],
    ],
)
def test_around_any_tokens_the_rest_is_as_likely_as_the_model_says(inner: Sampler[Any], known: list[list[int]]) -> None:
    x = completed(Pictures(), inner, torch.tensor(known), 2_000)
    assert x.shape == (2_000, 2, 3)
    assert agreement(x, torch.tensor(known)) > 0.001


@pytest.mark.parametrize("known", [[1, -1, -1, -1, -1, -1], [1, 2, -1, -1, -1, -1], [-1] * 6])
def test_after_the_first_tokens_the_rest_is_as_likely_as_the_model_says(known: list[int]) -> None:
    x = completed(FOLLOWING, Temperature(), torch.tensor(known), 2_000)
    assert agreement(x, torch.tensor(known)) > 0.001


@pytest.mark.parametrize("inner", RULES, ids=lambda inner: type(inner).__name__)
def test_every_rule_of_drawing_tokens_keeps_the_part(inner: Sampler[Any]) -> None:
    """Token 4 is never the likeliest."""
    known = torch.tensor([[4, 1, -1], [-1, -1, -1]])
    assert completed(FOLLOWING, inner, known).tolist() == [[4, 1, 2, 0, 0, 0]] * 60


def test_what_is_known_is_never_hidden_and_no_call_is_spent_on_it() -> None:
    pictures, known = Pictures(), torch.tensor([[-1, -1, 3], [4, -1, -1]])
    completed(pictures, Random(steps=64), known)
    assert [int((x == 5).sum(dim=(1, 2)).unique()) for x in pictures.given] == [4, 3, 2, 1]
    assert all(bool(((known < 0) | (x == known)).all()) for x in pictures.given)


@pytest.mark.parametrize(
    ("reading", "inner"),
    [(FOLLOWING, Temperature()), (Pictures(), Confidence(steps=3)), (Pictures(), Random(steps=64))],
)
def test_a_part_that_is_no_token_changes_nothing(reading: Any, inner: Sampler[Any]) -> None:
    plain = inner.sample(reading, Noise(2, torch.arange(60)), Condition.none(60), rows=16)
    assert torch.equal(completed(reading, inner, torch.full((2, 3), -1)), plain)


@pytest.mark.parametrize(("reading", "inner"), [(FOLLOWING, Temperature()), (Pictures(), Confidence())])
def test_guidance_goes_inside_and_outside(reading: Any, inner: Sampler[Any]) -> None:
    known = torch.tensor([[1, 2, -1], [-1, -1, -1]])
    inside = completed(reading, Guided(inner=inner, scale=1.0), known)
    outside = Guided(inner=Inpainted(inner=inner, known=known), scale=1.0)
    assert torch.equal(inside, completed(reading, inner, known))
    assert torch.equal(inside, outside.sample(reading, Noise(2, torch.arange(60)), Condition.none(60), rows=16))


@dataclass
class Deaf:
    """A denoiser to which whatever is asked is nothing."""

    inner: Denoiser
    shape: tuple[int, ...] = (2,)

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        return self.inner.denoise(x, sigma, Condition.none(len(x)))


@pytest.mark.parametrize("inner", INNER, ids=lambda inner: type(inner).__name__)
def test_guidance_of_a_model_that_ignores_what_is_asked_changes_nothing_around_a_part(inner: Sampler[Any]) -> None:
    """Each of its two calls once saw the part with other noise, of which guidance amplified the difference."""
    known, condition = torch.tensor([0.93, torch.nan]), asked(label=0, rows=60)
    deaf, noise = Deaf(PAIRS), Noise(2, torch.arange(60))
    plain = Inpainted(inner=inner, known=known).sample(deaf, noise, condition, rows=20)
    guided = Inpainted(inner=Guided(inner=inner, scale=7.5), known=known)
    assert torch.equal(guided.sample(deaf, noise, condition, rows=20), plain)
    checks = check_sampler(guided, reads="denoiser", known=known)
    assert [check for check in checks if check.trouble and "alone" in check.trouble] == []


KNOWN: dict[Reads, tuple[Sampler[Any], Tensor]] = {
    "denoiser": (DDPM(steps=10), torch.tensor([torch.nan, 0.2])),
    "next-token": (Temperature(), torch.tensor([2, 3, -1, -1, -1, -1, -1, -1])),
    "unmasker": (Confidence(steps=3), torch.tensor([-1, -1, 3, -1, -1, -1, -1, -1])),
}


@pytest.mark.parametrize("reads", KNOWN)
def test_a_sample_around_a_part_keeps_the_contract_and_so_is_bit_equal_alone_and_in_any_batch(reads: Reads) -> None:
    inner, known = KNOWN[reads]
    checks = check_sampler(Inpainted(inner=inner, known=known), reads=reads, known=known)
    assert [f"{check.name}: {check.trouble}" for check in checks if check.trouble] == []


@pytest.mark.parametrize("reads", KNOWN)
def test_the_text_of_a_part_draws_what_the_part_does(reads: Reads) -> None:
    inner, known = KNOWN[reads]
    one, other = (
        Inpainted(inner=inner, known=given).sample(
            READINGS[reads](), Noise(2, torch.arange(20)), Condition.none(20), rows=8
        )
        for given in (known, written(known))
    )
    assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("known", "hole", "later"),
    [
        ([[-1, 2, -1], [-1, -1, -1]], r"\[0, 0\]", r"\[0, 1\]"),
        ([[1, 2, -1], [-1, 1, 2]], r"\[0, 2\]", r"\[1, 1\]"),
    ],
)
def test_tokens_that_follow_one_another_are_not_drawn_before_what_is_given(
    known: list[list[int]], hole: str, later: str
) -> None:
    made = Inpainted(inner=Temperature(), known=torch.tensor(known))
    wanted = (
        rf"those before it alone, .* free at {hole} and given at {later}, which comes later\. Give what comes first"
    )
    with pytest.raises(MismatchError, match=wanted):
        made.check(FOLLOWING)
    made.check(Pictures())


@pytest.mark.parametrize(
    ("reading", "wanted"),
    [(FOLLOWING, r"\[6\], with -1 where .*; got \[2, 2\]"), (Pictures(), r"\[2, 3\], with -1 where .*; got \[2, 2\]")],
)
def test_tokens_of_another_shape_are_refused(reading: Any, wanted: str) -> None:
    with pytest.raises(ShapeError, match=wanted):
        Inpainted(inner=Random(), known=torch.full((2, 2), -1)).check(reading)


def test_numbers_are_no_part_of_tokens_and_tokens_none_of_numbers() -> None:
    for reading in (FOLLOWING, Pictures()):
        with pytest.raises(MismatchError, match=r"what this model draws, tokens; got numbers\. Encode the item"):
            Inpainted(inner=Random(), known=torch.full((2, 3), torch.nan)).check(reading)
    with pytest.raises(MismatchError, match=r"what this model draws, numbers; got tokens\. Encode the item"):
        Inpainted(inner=Euler(), known=torch.tensor([1, -1])).check(PAIRS)


@pytest.mark.parametrize(
    ("reading", "known"),
    [(PAIRS, torch.tensor([0.5, 0.5])), (FOLLOWING, torch.ones(2, 3).long()), (Pictures(), torch.ones(2, 3).long())],
)
def test_a_part_that_leaves_nothing_is_refused(reading: Any, known: Tensor) -> None:
    with pytest.raises(OptionError, match=r"to be drawn; this one leaves nothing\. Free some of it\."):
        Inpainted(inner=Random(), known=known).check(reading)


def test_a_model_that_gives_the_sample_at_once_is_refused() -> None:
    made = Inpainted(inner=Prior(), known=torch.tensor([torch.nan, 1.0]))
    with pytest.raises(MismatchError, match=r"this model gives a sample in one call\. Choose a masked, diffusion or"):
        made.check(Linear(matrix=torch.ones(2, 2)))


@pytest.mark.parametrize(("reading", "inner"), [(FOLLOWING, Temperature()), (Pictures(), Random())])
def test_a_start_beside_a_part_is_refused(reading: Any, inner: Sampler[Any]) -> None:
    known = torch.tensor([[1, -1, -1], [-1, -1, -1]])
    with pytest.raises(MismatchError, match=r"around a part or from a start; both were asked for\. Give the start as"):
        completed(reading, inner, known, prefix=[1])
