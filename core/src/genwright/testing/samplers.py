"""What must hold of a sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from genwright.readings import Condition, Decoder, NextToken, Reading
from genwright.sampler import Sampler
from genwright.seeds import Noise
from genwright.specs import Reads
from genwright.testing.check import Check, checks, require
from genwright.testing.gaussians import eight_gaussians
from genwright.testing.readings import Counted, Finite, Following, Linear
from genwright.testing.toys import ROUNDS, Letters

__all__ = ["READINGS", "check_sampler", "letters"]

_COUNT, _ROWS = 21, 8


def check_sampler(sampler: Sampler[Any], *, reads: Reads, of: str = "") -> Iterator[Check]:
    """Check that a sampler keeps its contract on a reading of this kind whose answers are known.

    of: what to call the sampler in the names of the checks
    """
    return checks(_FACTS, sampler, READINGS[reads], of=of)


def letters() -> Letters:
    """Return the encoder of the rounds that samplers of tokens are checked on."""
    encoder = Letters()
    encoder.fit(ROUNDS)
    return encoder


def _rounds() -> Finite:
    encoder = letters()
    probabilities = torch.full((len(ROUNDS),), 1 / len(ROUNDS))
    return Finite(rows=encoder.encode(ROUNDS), probabilities=probabilities, vocab_size=encoder.space.vocab_size)


READINGS: Mapping[Reads, Callable[[], Reading]] = {
    "next-token": lambda: Following(rows=_rounds(), stop=0),
    "unmasker": _rounds,
    "denoiser": eight_gaussians,
    "decoder": lambda: Linear(matrix=torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]])),
}
"""A reading of each kind: thirty-two rounds, eight Gaussians, a linear map."""


def _drawn(sampler: Sampler[Any], reading: Any, samples: list[int], *, seed: int = 5, rows: int = _ROWS) -> Tensor:
    noise = Noise(seed, torch.tensor(samples))
    return sampler.sample(reading, noise, Condition.none(len(samples)), rows=rows)


def _shaped(sampler: Sampler[Any], reading: Callable[[], Any]) -> None:
    drawn, shape = _drawn(sampler, reading(), list(range(_COUNT))), _shape(reading())
    require(drawn.shape == (_COUNT, *shape), f"samples have the shape {shape}; got {tuple(drawn.shape[1:])}")
    require(bool(drawn.isfinite().all()), "samples hold numbers that are not finite")


def _shape(reading: Any) -> tuple[int, ...]:
    """Return the shape of a sample of a reading."""
    if isinstance(reading, NextToken):
        return (reading.length,)
    if isinstance(reading, Decoder):
        return tuple(reading.decode(torch.zeros(1, *reading.latent), Condition.none(1)).shape[1:])
    return tuple(reading.shape)


def _repeated(sampler: Sampler[Any], reading: Callable[[], Any]) -> None:
    samples = list(range(_COUNT))
    first, second = (_drawn(sampler, reading(), samples) for _ in range(2))
    require(torch.equal(first, second), "the same seed gives other samples the second time")


def _independent(sampler: Sampler[Any], reading: Callable[[], Any]) -> None:
    whole = _drawn(sampler, reading(), list(range(_COUNT)))
    for sample in (0, _ROWS, _COUNT - 1):
        alone = _drawn(sampler, reading(), [sample])
        require(torch.equal(alone[0], whole[sample]), f"sample {sample} is another when drawn alone")
    order = list(range(_COUNT))[::-1]
    require(torch.equal(_drawn(sampler, reading(), order), whole[order]), "samples depend on their order")


def _fixed(sampler: Sampler[Any], reading: Callable[[], Any]) -> None:
    counted = Counted(reading())
    _drawn(sampler, counted, list(range(_COUNT)))
    found = sorted(set(counted.calls))
    require(found == [_ROWS], f"the network is to be given {_ROWS} rows at every call; it was given {found}")


def _seeded(sampler: Sampler[Any], reading: Callable[[], Any]) -> None:
    samples = list(range(_COUNT))
    one, other = (_drawn(sampler, reading(), samples, seed=seed) for seed in (5, 6))
    same = torch.equal(one, other)
    constant = bool((one == one[:1]).all())
    require(not same or constant, "another seed gives the same samples, and they are not all alike")


_FACTS: Mapping[str, Callable[..., None]] = {
    "it draws samples of the reading's shape": _shaped,
    "the same seed draws the same samples": _repeated,
    "a sample depends on no other": _independent,
    "the network is always given as many rows": _fixed,
    "another seed draws other samples": _seeded,
}
