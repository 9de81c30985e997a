from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from genwright.generation import PLAINEST, make_sampler
from genwright.readings import Condition, Unmasker
from genwright.recipe import Component
from genwright.registry import discover
from genwright.rows import by_rows
from genwright.sampler import Sampler
from genwright.samplers.denoise import Denoise, DenoiseSampler, DPMSolver
from genwright.samplers.inpainting import Inpainted
from genwright.samplers.tokens import Temperature, TokenSampler
from genwright.samplers.unmask import Random
from genwright.seeds import Noise
from genwright.specs import Reads, SamplerSpec
from genwright.testing.samplers import check_sampler

CORE = discover(only=[])
SAMPLERS = [spec for spec in CORE.specs("sampler") if spec.reads != "*"]
# A part that is given fits one reading alone; tests of inpaint hold it to the same.
WRAPPERS = [spec for spec in CORE.specs("sampler") if spec.reads == "*" and spec.name != "inpaint"]
WRAPPED = [(spec, reads) for spec in WRAPPERS for reads in PLAINEST if reads != "decoder"]


def troubles(sampler: Sampler[Any], reads: Reads) -> list[str]:
    return [f"{check.name}: {check.trouble}" for check in check_sampler(sampler, reads=reads) if check.trouble]


@pytest.mark.parametrize("spec", SAMPLERS, ids=lambda spec: spec.name)
def test_core_s_samplers_keep_the_contract(spec: SamplerSpec) -> None:
    reads = cast(Reads, spec.reads)
    assert troubles(make_sampler(Component(spec.name), CORE, encoder=None, reads=reads), reads) == []


@pytest.mark.parametrize(("spec", "reads"), WRAPPED, ids=lambda given: getattr(given, "name", given))
def test_core_s_samplers_that_wrap_others_keep_the_contract(spec: SamplerSpec, reads: Reads) -> None:
    assert troubles(make_sampler(Component(spec.name), CORE, encoder=None, reads=reads), reads) == []


class Broken(Sampler[Any]):
    """Breaks one part of the contract."""

    def __init__(self, how: str) -> None:
        self.how, self.times = how, 0

    def sample(self, reading: Any, noise: Noise, condition: Condition, *, rows: int) -> Tensor:
        self.times += 1
        z, asks = self._latents(noise, condition), (condition.labels >= 0).any(1)
        if self.how == "rows":
            return reading.decode(z, condition)
        if self.how == "asked rows" and bool(asks.any()):
            reading.decode(z[asks], condition[asks])
        if self.how == "raw":
            return z[:, :2]
        condition = Condition.none(len(z)) if self.how == "none" else condition
        drawn = by_rows(lambda places: reading.decode(z[places], condition[places]), len(z), rows=rows)
        return drawn[:, : 1 if self.how == "shape" else None] + (self.how == "moved")

    def _latents(self, noise: Noise, condition: Condition) -> Tensor:
        z = noise.normal("latent", 0, 3)
        if self.how == "seed":
            z = Noise(0, noise.samples).normal("latent", 0, 3)
        if self.how == "batch" or (self.how == "asked batch" and bool((condition.labels >= 0).any())):
            z = z - z.mean(0)
        return (2 if self.how == "wide" else 1) * (z + self.times if self.how == "time" else z)


@pytest.mark.parametrize(
    ("how", "trouble"),
    [
        ("shape", r"samples have the shape \(2,\); got \(1,\)"),
        ("time", "the same seed gives other samples"),
        ("batch", "sample 0 is another when drawn alone"),
        ("rows", r"given 8 rows at every call; it was given \[21\]"),
        ("seed", "another seed gives the same samples"),
        ("asked batch", "sample 0 is another when drawn alone, where some rows ask for something and others do not"),
        ("asked rows", r"given 8 rows at every call; it was given \[7, 8\], where some rows ask for something"),
        ("none", "samples are not what the decoder gives for what they ask for"),
        ("wide", r"latents are unit normal, or from 0.25 to 1.5 wide; got a deviation of (1.9|2)"),
        ("raw", "the decoder was not called"),
        ("moved", "144 of 144 samples are none that the decoder gave"),
    ],
)
def test_a_sampler_that_breaks_it_is_told_how(how: str, trouble: str) -> None:
    assert any(re.search(trouble, found) for found in troubles(Broken(how), "decoder"))


def test_a_sampler_that_keeps_it_has_no_troubles() -> None:
    assert troubles(Broken("nothing"), "decoder") == []


class StartNoise(DenoiseSampler):
    """Asks the network once, and returns what it started from."""

    def solve(self, denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
        denoise(x, sigmas[0])
        return x


class Hasty(DenoiseSampler):
    """Leaves out half of the levels, with the noise that is to be removed at them."""

    def solve(self, denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
        return DPMSolver().solve(denoise, x, sigmas[len(sigmas) // 2 :], noise)


class OneSided(DenoiseSampler):
    """Begins on the right alone."""

    def solve(self, denoise: Denoise, x: Tensor, sigmas: Sequence[float], noise: Noise) -> Tensor:
        x[:, 0] = x[:, 0].abs()
        return DPMSolver().solve(denoise, x, sigmas, noise)


class Unasking(Sampler[Any]):
    """Asks the model for nothing, whatever is asked for."""

    def __init__(self, inner: Sampler[Any]) -> None:
        self.inner = inner

    def sample(self, reading: Any, noise: Noise, condition: Condition, *, rows: int) -> Tensor:
        unasked = replace(condition, labels=torch.full_like(condition.labels, -1))
        return self.inner.sample(reading, noise, unasked, rows=rows)


class Unlikeliest(TokenSampler):
    """Draws what the model takes for unlikely."""

    def reshape(self, logits: Tensor) -> Tensor:
        return -logits


class Scattered(Sampler[Unmasker]):
    """Draws every token for itself, and leaves the last one hidden if it is said so."""

    def __init__(self, *, hides: bool) -> None:
        self.hides = hides

    def sample(self, reading: Unmasker, noise: Noise, condition: Condition, *, rows: int) -> Tensor:
        def drawn(places: Tensor) -> Tensor:
            x = torch.full((len(places), *reading.shape), reading.mask)
            logits = reading.unmask(x, condition[places])
            gumbel = noise[places].gumbel("token", 0, logits[0].numel()).view(logits.shape)
            return (logits + gumbel).argmax(-1)

        x = by_rows(drawn, len(noise), rows=rows)
        x[:, -1] = reading.mask if self.hides else x[:, -1]
        return x


@pytest.mark.parametrize(
    ("sampler", "reads", "trouble"),
    [
        (
            StartNoise(),
            "denoiser",
            r": \d of 96 samples that ask for nothing lie within 0.3 of a mode .*; nor does it draw",
        ),
        (
            Hasty(),
            "denoiser",
            r": \d of 96 samples that ask for nothing lie within 0.3 of a mode .*; nor does it draw",
        ),
        (OneSided(), "denoiser", "of 8 modes it finds 5"),
        (Unlikeliest(), "next-token", "likely: 0 of 96 samples that ask for nothing are rounds"),
        (
            Unasking(Temperature()),
            "next-token",
            r"likely: \d\d of 48 samples that ask for something are rounds that they",
        ),
        (Unasking(Random()), "unmasker", r"likely: \d\d of 48 samples that ask for something are rounds that they may"),
        (Unasking(DPMSolver()), "denoiser", r": \d of 48 samples that ask for something lie within 0.3"),
        (Scattered(hides=True), "unmasker", "in 144 of 144 samples, something is still hidden"),
        (Scattered(hides=False), "unmasker", r"likely: \d of 96 samples that ask for nothing are rounds"),
    ],
    ids=lambda given: type(given).__name__ if isinstance(given, Sampler) else "",
)
def test_a_sampler_that_draws_what_the_reading_does_not_say_is_told_so(
    sampler: Sampler[Any], reads: Reads, trouble: str
) -> None:
    """Such a one passed every check: what is drawn was never held against the reading."""
    (found,) = troubles(sampler, reads)
    assert re.search(trouble, found), found


def test_around_a_part_only_what_fits_it_has_to_be_found() -> None:
    inner, known = Random(), torch.tensor([-1, -1, 3, -1, -1, -1, -1, -1])
    kept = Inpainted(inner=inner, known=known)
    assert [check.trouble for check in check_sampler(kept, reads="unmasker", known=known) if check.trouble] == []
    other = [check.trouble for check in check_sampler(inner, reads="unmasker", known=known)]
    assert re.search(r"\d of 144 samples that ask for nothing are rounds that they may be", str(other[-1]))
