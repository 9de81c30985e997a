from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from genwright.errors import MismatchError, OptionError
from genwright.readings import Condition, Denoiser
from genwright.sampler import Sampler
from genwright.samplers.guidance import Guided
from genwright.samplers.tokens import Greedy, Temperature, TokenSampler
from genwright.seeds import Noise
from genwright.testing import networks
from genwright.testing.readings import Counted

PLAIN = torch.tensor([0.0, 1.0, -0.5, 0.3, -math.inf])
PUSH = torch.tensor([1.0, -1.0, 0.5, 0.0, 0.0])


@dataclass
class Asked:
    """A reading that adds PUSH times what is asked for, nothing where nothing is."""

    start: int = 5
    stop: int | None = None
    length: int = 6

    def open(self, condition: Condition) -> AskedStream:
        return AskedStream(condition)


@dataclass
class AskedStream:
    condition: Condition

    def step(self, tokens: Tensor) -> Tensor:
        asked = self.condition.scalars.nan_to_num() + (self.condition.labels + 1)
        logits: Tensor = PLAIN + asked * PUSH + 0.1 * tokens[:, None] * torch.arange(5)
        return logits

    def restart(self, rows: Tensor, condition: Condition) -> None:
        self.condition = Condition(
            scalars=torch.where(rows[:, None], condition.scalars, self.condition.scalars),
            labels=torch.where(rows[:, None], condition.labels, self.condition.labels),
            prefix=condition.prefix,
        )


class Keeper(TokenSampler):
    """A sampler that keeps the logits it was given first."""

    def __init__(self) -> None:
        self.seen: Tensor | None = None

    def reshape(self, logits: Tensor) -> Tensor:
        self.seen = logits if self.seen is None else self.seen
        return logits


def asked(rows: int, scalar: float = 0.7, label: int = 0) -> Condition:
    return networks.asked(scalar, label, rows=rows)


def drawn(sampler: Sampler[Asked], count: int = 60) -> Tensor:
    return sampler.sample(Asked(), Noise(1, torch.arange(count)), asked(count), rows=16)


@pytest.mark.parametrize("inner", [Temperature(), Greedy()])
def test_scale_1_draws_what_the_inner_sampler_draws(inner: TokenSampler) -> None:
    assert torch.equal(drawn(Guided(inner=inner, scale=1.0)), drawn(inner))


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.5, 4.0])
def test_logits_move_from_what_nothing_asks_to_what_is_asked_and_beyond(scale: float) -> None:
    keeper = Keeper()
    drawn(Guided(inner=keeper, scale=scale))
    assert keeper.seen is not None
    bias = 0.1 * 5 * torch.arange(5)
    unasked = (PLAIN + bias).double().log_softmax(-1)
    wanted = (PLAIN + bias + 1.7 * PUSH).double().log_softmax(-1)
    expected = (unasked + scale * (wanted - unasked))[:4]
    assert torch.allclose(keeper.seen[0, :4].double(), expected, atol=1e-5)


def test_a_token_that_is_forbidden_stays_forbidden() -> None:
    keeper = Keeper()
    tokens = drawn(Guided(inner=keeper, scale=3.0))
    assert keeper.seen is not None
    assert keeper.seen[:, 4].isneginf().all()
    assert not keeper.seen.isnan().any()
    assert not (tokens == 4).any()


def test_a_greater_scale_follows_the_condition_more() -> None:
    """What is asked for favours token 0."""
    shares = [float((drawn(Guided(inner=Temperature(), scale=s), 200) == 0).float().mean()) for s in (0.0, 1.0, 3.0)]
    assert shares[0] + 0.1 < shares[1]
    assert shares[1] + 0.1 < shares[2]


def test_where_nothing_is_asked_any_scale_draws_the_same() -> None:
    noise = Noise(1, torch.arange(40))
    nothing = Condition.none(40, scalars=1, labels=1)
    plain = Temperature().sample(Asked(), noise, nothing, rows=8)
    assert torch.equal(Guided(inner=Temperature(), scale=7.0).sample(Asked(), noise, nothing, rows=8), plain)


def test_a_sample_is_the_same_alone_and_in_any_batch() -> None:
    guided = Guided(inner=Temperature(), scale=2.0)
    whole = drawn(guided, 30)
    for index in (0, 13, 29):
        alone = guided.sample(Asked(), Noise(1, torch.tensor([index])), asked(1), rows=16)
        assert torch.equal(alone[0], whole[index])


@pytest.mark.parametrize("scale", [-0.1, 100.0, math.nan])
def test_a_scale_out_of_range_is_refused(scale: float) -> None:
    with pytest.raises(OptionError, match=f"guidance takes a scale from 0 to 100; got {scale}"):
        Guided(inner=Temperature(), scale=scale)


@dataclass
class Two:
    """A denoiser that gives more where something is asked, and counts its calls."""

    shape: tuple[int, ...] = (2,)
    calls: int = 0

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        self.calls += 1
        return what_is_asked(condition).expand_as(x) + 0.25 * x


@dataclass
class Hidden:
    """An unmasker whose logits move with what is asked."""

    shape: tuple[int, ...] = (2,)
    mask: int = 3

    def unmask(self, x: Tensor, condition: Condition) -> Tensor:
        return what_is_asked(condition)[..., None] * PUSH[:3] + PLAIN[:3].expand(*x.shape, 3)


def what_is_asked(condition: Condition) -> Tensor:
    return (condition.labels >= 0).float() + condition.scalars.nan_to_num()


class Once(Sampler[Any]):
    """A sampler that asks a denoiser once, at one level a row."""

    def __init__(self, *sigma: float) -> None:
        self.sigma = torch.tensor(sigma)

    def sample(self, reading: Any, noise: Noise, condition: Condition, *, rows: int) -> Tensor:
        x = noise.normal("x", 0, 2)
        if isinstance(reading, Denoiser):
            return reading.denoise(x, self.sigma.expand(len(x)), condition)
        return reading.unmask(x.long(), condition)  # type: ignore[no-any-return]


NOISE = Noise(1, torch.arange(4))


@pytest.mark.parametrize("scale", [0.0, 1.0, 2.5])
def test_what_is_expected_moves_from_what_nothing_asks_to_what_is_asked_and_beyond(scale: float) -> None:
    x = Guided(inner=Once(2.0), scale=scale).sample(Two(), NOISE, asked(4), rows=4)
    # 1 for the label, 0.7 for the scalar.
    assert torch.allclose(x - 0.25 * NOISE.normal("x", 0, 2), torch.full((4, 2), 1.7 * scale))


def test_outside_the_interval_the_model_is_as_it_is_and_called_once() -> None:
    plain = 0.25 * NOISE.normal("x", 0, 2)
    for sigma, moved, calls in ((0.1, 1.7, 1), (0.2, 5.1, 2), (1.0, 5.1, 2), (5.0, 5.1, 2), (6.0, 1.7, 1)):
        reading = Two()
        x = Guided(inner=Once(sigma), scale=3.0, interval=(0.2, 5.0)).sample(reading, NOISE, asked(4), rows=4)
        assert torch.allclose(x - plain, torch.full((4, 2), moved), atol=1e-6)
        assert reading.calls == calls
    x = Guided(inner=Once(0.1, 1.0, 5.0, 6.0), scale=3.0, interval=(0.2, 5.0)).sample(Two(), NOISE, asked(4), rows=4)
    assert torch.allclose((x - plain)[:, 0], torch.tensor([1.7, 5.1, 5.1, 1.7]))


def test_at_scale_1_a_denoiser_is_called_once() -> None:
    reading = Two()
    Guided(inner=Once(1.0), scale=1.0).sample(reading, NOISE, asked(4), rows=4)
    assert reading.calls == 1


@pytest.mark.parametrize(("condition", "calls"), [(Condition.none(4, scalars=1, labels=1), 1), (asked(4), 2)])
def test_where_nothing_is_asked_the_network_is_called_once(condition: Condition, calls: int) -> None:
    """There is nothing to move away from; the second call once doubled the time."""
    for sampler, reading in ((Once(1.0), Two()), (Once(), Hidden()), (Temperature(), Asked())):
        counted = Counted(reading)
        Guided(inner=sampler, scale=3.0).sample(counted, NOISE, condition, rows=4)
        assert len(counted.calls) == calls


def test_logits_of_hidden_positions_move_likewise() -> None:
    found = Guided(inner=Once(), scale=2.0).sample(Hidden(), NOISE, asked(4), rows=4)
    unasked, wanted = PLAIN[:3].log_softmax(-1), (PLAIN + 1.7 * PUSH)[:3].log_softmax(-1)
    assert torch.allclose(found, (2 * wanted - unasked).expand(4, 2, 3), atol=1e-6)


def test_an_interval_is_of_noise() -> None:
    with pytest.raises(MismatchError, match=r"an interval of noise is for models that are read as denoisers; .* Leave"):
        drawn(Guided(inner=Greedy(), interval=(0.2, 5.0)))
    with pytest.raises(OptionError, match=r"from a lower to a higher level; got \(5\.0, 0\.2\)\. Try \(0\.2, 5\)\."):
        Guided(inner=Once(), interval=(5.0, 0.2))


def test_a_model_that_gives_the_sample_at_once_is_refused() -> None:
    @dataclass
    class Decoded:
        latent: tuple[int, ...] = (2,)

        def decode(self, z: Tensor, condition: Condition) -> Tensor:
            return z

    with pytest.raises(MismatchError, match=r"this one gives the sample at once\. Use the sampler without guidance\."):
        Guided(inner=Once()).sample(Decoded(), NOISE, asked(4), rows=4)


@dataclass
class Spied(Asked):
    """Keeps what it is asked."""

    seen: list[Condition] = field(default_factory=list)

    def open(self, condition: Condition) -> AskedStream:
        self.seen.append(condition)
        return super().open(condition)


@pytest.mark.parametrize(("contour", "told"), [([1.0, torch.inf], [False, True]), ([torch.nan] * 2, [True])])
def test_a_contour_alone_is_something_asked_and_is_taken_away_whole(contour: list[float], told: list[bool]) -> None:
    spied, contours = Spied(), torch.tensor(contour).expand(8, 1, 2)
    condition = replace(Condition.none(8, scalars=1, labels=1), contours=contours)
    Guided(inner=Temperature()).sample(spied, Noise(1, torch.arange(8)), condition, rows=8)
    seen = [asked.contours for asked in spied.seen if asked.contours is not None]
    assert sorted(bool(contours.isnan().all()) for contours in seen) == told
