from __future__ import annotations

import math
from dataclasses import dataclass, field

import pytest
import torch
from scipy import stats
from torch import Tensor

from genwright.errors import OptionError
from genwright.readings import Condition
from genwright.samplers.latent import Prior, spherical
from genwright.seeds import Noise


@dataclass
class Itself:
    """A reading whose samples are the latents."""

    latent: tuple[int, ...] = (3, 2)
    asked: list[int] = field(default_factory=list)

    def decode(self, z: Tensor, condition: Condition) -> Tensor:
        self.asked.append(len(z))
        return z


def drawn(sampler: Prior, samples: object, *, rows: int = 16, reading: Itself | None = None) -> Tensor:
    indices = torch.as_tensor(samples)
    return sampler.sample(reading or Itself(), Noise(3, indices), Condition.none(len(indices)), rows=rows)


def test_latents_are_unit_normal() -> None:
    z = drawn(Prior(), range(2_000), rows=500)
    assert z.shape == (2_000, 3, 2)
    assert stats.kstest(z.flatten().numpy(), "norm").pvalue > 0.001


@pytest.mark.parametrize("truncation", [0.3, 1.0, 2.0])
def test_truncated_latents_are_the_middle_of_the_normal(truncation: float) -> None:
    z = drawn(Prior(truncation=truncation), range(2_000), rows=500).flatten()
    assert float(z.abs().max()) < truncation + 1e-6
    assert stats.kstest(z.numpy(), stats.truncnorm(-truncation, truncation).cdf).pvalue > 0.001


def test_what_is_within_the_truncation_stays_as_it_was() -> None:
    free, cut = drawn(Prior(), range(50)), drawn(Prior(truncation=1.0), range(50))
    within = free.abs() <= 1
    assert torch.equal(cut[within], free[within])


@pytest.mark.parametrize("rows", [2, 7, 100])
def test_a_sample_does_not_depend_on_the_rows_or_its_batch(rows: int) -> None:
    sampler = Prior(truncation=0.5)
    whole = drawn(sampler, range(40))
    assert torch.equal(drawn(sampler, range(40), rows=rows), whole)
    assert torch.equal(drawn(sampler, [39, 3], rows=rows), whole[[39, 3]])


@pytest.mark.parametrize("count", [1, 16, 40])
def test_the_network_is_given_exactly_the_rows_asked_for(count: int) -> None:
    reading = Itself()
    drawn(Prior(), range(count), reading=reading)
    assert set(reading.asked) == {16}


def test_a_truncation_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(OptionError, match=r"truncation of 0\.1 or more, or none; got 0\.01\. Try 1"):
        Prior(truncation=0.01)


def test_between_two_latents_is_the_arc() -> None:
    found = spherical(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), 4)
    angles = torch.tensor([0.0, 30.0, 60.0, 90.0]).deg2rad()
    assert torch.allclose(found, 2 * torch.stack([angles.cos(), angles.sin()], 1), atol=1e-6)


def test_an_interpolation_begins_and_ends_with_what_was_given_and_keeps_the_length() -> None:
    noise = Noise(1, torch.arange(2)).normal("ends", 0, 300).view(2, 3, 10, 10)
    found = spherical(noise[0], noise[1], 9)
    assert torch.allclose(found[0], noise[0], atol=1e-6)
    assert torch.allclose(found[-1], noise[1], atol=1e-6)
    lengths = found.flatten(1).norm(dim=1)
    assert float(lengths.min()) > 0.98 * float(min(lengths[0], lengths[-1]))
    assert float(((noise[0] + noise[1]) / 2).norm()) < 0.8 * float(lengths.min())


@pytest.mark.parametrize("factor", [1.0, 3.0, -1.0, 0.0])
def test_along_one_line_it_is_straight(factor: float) -> None:
    start = torch.tensor([0.6, -0.8])
    found = spherical(start, factor * start, 3)
    assert torch.allclose(found, torch.stack([start, (1 + factor) / 2 * start, factor * start]), atol=1e-6)


def test_fewer_than_two_steps_are_refused() -> None:
    with pytest.raises(OptionError, match=r"2 steps or more, its ends among them; got 1"):
        spherical(torch.ones(2), torch.ones(2), 1)


def test_spherical_is_by_equal_angles() -> None:
    found = spherical(torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.3, 1.0, 0.0]), 6).double()
    directions = found / found.norm(dim=1, keepdim=True)
    angles = (directions[1:] * directions[:-1]).sum(1).clamp(-1, 1).acos()
    assert math.isfinite(float(angles.sum()))
    assert float(angles.sum()) == pytest.approx(math.acos(0.3 / math.hypot(0.3, 1.0)), abs=1e-5)
