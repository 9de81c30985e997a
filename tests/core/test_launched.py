"""A denoiser that is launched gives what it gave, whatever is asked, and is called less."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from genwright.launched import Launched, launched
from genwright.readings import Condition
from genwright.samplers.asking import Answer
from genwright.samplers.denoise import DDIM, DenoiseSampler, Euler, Heun
from genwright.samplers.guidance import Guided
from genwright.seeds import Noise
from tests.core.tapes import in_the_small


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """As if on a GPU, with tapes for graphs; places that are put into this list wait for it."""
    with in_the_small(monkeypatch) as found:
        yield found


@dataclass
class Shrinking:
    """A denoiser that shrinks towards what is asked, and counts its calls."""

    shape: tuple[int, ...] = (3,)
    calls: list[int] = field(default_factory=list)

    def denoise(self, x: Tensor, sigma: Tensor, condition: Condition) -> Tensor:
        self.calls.append(len(x))
        asked = torch.where(condition.labels < 0, 0.0, condition.labels * 0.1)
        follows = 0.0 if condition.contours is None else condition.contours[:, 0, :1]
        return (x + follows) / (1 + sigma[:, None]) + asked


def asked(rows: int, *, contours: bool = False) -> Condition:
    labels = torch.arange(rows)[:, None]
    following = torch.arange(2.0 * rows).view(rows, 1, 2) if contours else None
    return Condition(
        scalars=torch.empty(rows, 0), labels=labels, prefix=torch.empty(rows, 0, dtype=torch.int64), contours=following
    )


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("contours", [False, True])
@pytest.mark.parametrize("sampler", [Euler(steps=6), Heun(steps=4), DDIM(steps=5, eta=0.5)])
def test_one_block_of_rows_is_drawn_by_two_calls_of_the_network(sampler: DenoiseSampler, contours: bool) -> None:
    plain, network, noise = Shrinking(), Shrinking(), Noise(3, torch.arange(4))
    expected = sampler.sample(plain, noise, asked(4, contours=contours), rows=4)
    assert torch.equal(sampler.sample(Launched(network), noise, asked(4, contours=contours), rows=4), expected)
    assert len(plain.calls) > 3
    assert len(network.calls) == 2


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize("interval", [None, (0.1, 5.0)])
def test_one_record_serves_what_is_asked_and_nothing(interval: tuple[float, float] | None) -> None:
    sampler, network = Guided(inner=Euler(steps=6), scale=2.0, interval=interval), Shrinking()
    noise = Noise(3, torch.arange(4))
    expected = sampler.sample(Shrinking(), noise, asked(4), rows=4)
    assert torch.equal(sampler.sample(Launched(network), noise, asked(4), rows=4), expected)
    assert len(network.calls) == 2


@pytest.mark.usefixtures("places")
def test_it_may_be_part_of_a_loop_that_is_recorded_whole() -> None:
    noise, network = Noise(3, torch.arange(20)), Shrinking()
    expected = Euler(steps=6).sample(Shrinking(), noise, asked(20), rows=4)
    assert torch.equal(Euler(steps=6).sample(Launched(network), noise, asked(20), rows=4), expected)
    # Two calls alone, and those of the loop as it is recorded.
    assert len(network.calls) == 2 + 6


def test_a_network_that_waits_is_called_at_each_step(places: list[str]) -> None:
    places.append("net.py:7")
    network, noise = Shrinking(), Noise(3, torch.arange(4))
    with pytest.warns(UserWarning, match=r"^a call of the network is launched on a GPU as one graph if nothing in it"):
        found = Euler(steps=6).sample(Launched(network), noise, asked(4), rows=4)
    assert torch.equal(found, Euler(steps=6).sample(Shrinking(), noise, asked(4), rows=4))
    assert len(network.calls) == 6


class Moving(Shrinking):
    scale = 2.0

    def both(self, x: Tensor, sigma: Tensor, level: float, condition: Condition) -> Answer:
        return Answer(x)


class Whole:
    latent = (3,)

    def decode(self, z: Tensor, condition: Condition) -> Tensor:
        return z


def test_what_is_no_denoiser_or_moves_by_itself_is_left_as_it_is() -> None:
    for reading in (Moving(), Whole()):
        assert launched(reading) is reading


def test_a_denoiser_keeps_its_shape() -> None:
    found = launched(Shrinking())
    assert isinstance(found, Launched)
    assert found.shape == (3,)
