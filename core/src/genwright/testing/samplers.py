"""What must hold of a sampler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, final

import torch
from torch import Tensor

from genwright.readings import Condition, Decoder, Denoiser, NextToken, Reading
from genwright.sampler import Sampler
from genwright.seeds import Noise
from genwright.specs import Reads
from genwright.testing.check import Check, checks, require
from genwright.testing.gaussians import AtOnce, eight_gaussians
from genwright.testing.readings import Counted, Finite, Following, Linear
from genwright.testing.toys import ROUNDS, Letters

__all__ = ["READINGS", "check_sampler", "letters"]

_COUNT, _ROWS = 21, 8
# So many that of eight modes all are found: one is left out in 1 of 50,000 tries.
_MANY = 144
_KINDS = 4
_MIXED = ", where some rows ask for something and others do not"

# Six deviations, and how many have to be that near. Of core's samplers with their own options, 99 % are; around a part,
# by "ddpm" in ten steps, 76 %.
_NEAR, _NEAR_SHARE = 0.3, 0.6
# A high temperature finds at times what has a millionth of the likelihood, since another kind was asked for.
_LIKELY_SHARE = 0.9
# Tokens drawn in one step do not know each other. In four steps, a random order gives 62 % rounds, and in eight all.
_FILLED_SHARE = 0.5
# From the latents of a small truncation to some wider ones.
_NARROWEST, _WIDEST = 0.25, 1.5


def check_sampler(sampler: Sampler[Any], *, reads: Reads, known: Tensor | None = None, of: str = "") -> Iterator[Check]:
    """Check that a sampler keeps its contract on a reading of this kind whose answers are known.

    known: the part that the sampler draws around, as `Inpainted` takes it; None for one that draws all of a sample
    of:    what to call the sampler in the names of the checks
    """
    return checks({**_FACTS, **_FACTS_OF[reads]}, _Subject(sampler=sampler, reads=reads, known=known), of=of)


def letters() -> Letters:
    """Return the encoder of the rounds that samplers of tokens are checked on."""
    encoder = Letters()
    encoder.fit(ROUNDS)
    return encoder


def _rounds() -> Finite:
    """Return the rounds, asked for by their first letter."""
    encoder = letters()
    rows, probabilities = encoder.encode(ROUNDS), torch.full((len(ROUNDS),), 1 / len(ROUNDS))
    return Finite(rows=rows, probabilities=probabilities, vocab_size=encoder.space.vocab_size, kinds=rows[:, 0] - 1)


def _linear() -> Linear:
    return Linear(
        matrix=torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.25]]),
        shifts=torch.tensor([[10.0, 0.0], [0.0, 10.0], [-10.0, 0.0], [0.0, -10.0]]),
    )


READINGS: Mapping[Reads, Callable[[], Reading]] = {
    "next-token": lambda: Following(rows=_rounds(), stop=0),
    "unmasker": _rounds,
    "denoiser": eight_gaussians,
    "decoder": _linear,
}
"""A reading of each kind: thirty-two rounds, eight Gaussians, a linear map. The first label asks for some of each."""


@final
@dataclass(frozen=True, kw_only=True)
class _Subject:
    """A sampler, with what it reads and draws around."""

    sampler: Sampler[Any]
    reads: Reads
    known: Tensor | None
    _kept: dict[bool, tuple[Tensor, list[int]]] = field(default_factory=dict, init=False)

    @property
    def reading(self) -> Any:
        """A reading that no other draw has changed."""
        return READINGS[self.reads]()

    def drawn(
        self, samples: list[int], *, seed: int = 5, rows: int = _ROWS, asks: bool = False, reading: Any = None
    ) -> Tensor:
        """Return samples, of which some ask for something if so wished."""
        noise, condition = Noise(seed, torch.tensor(samples)), _condition(samples, asks=asks)
        return self.sampler.sample(self.reading if reading is None else reading, noise, condition, rows=rows)

    def whole(self, *, asks: bool = False) -> Tensor:
        """Return the samples that others are held against, drawn once."""
        return self._whole(asks)[0]

    def calls(self, *, asks: bool) -> list[int]:
        """Return how many rows the network was given at each call for them."""
        return self._whole(asks)[1]

    def _whole(self, asks: bool) -> tuple[Tensor, list[int]]:
        if asks not in self._kept:
            counted = Counted(self.reading)
            self._kept[asks] = self.drawn(list(range(_COUNT)), asks=asks, reading=counted), counted.calls
        return self._kept[asks]

    def many(self, reading: Any) -> tuple[Tensor, Condition]:
        """Return enough samples to see how they are distributed, and what they ask for."""
        samples, asks = list(range(_MANY)), self.known is None
        # What is asked for may not fit the part.
        return self.drawn(samples, rows=_MANY, asks=asks, reading=reading), _condition(samples, asks=asks)


def _condition(samples: list[int], *, asks: bool) -> Condition:
    """Return what samples ask for, whatever they are drawn with: nothing, or every third of them some kind."""
    number = torch.tensor(samples)[:, None]
    labels = torch.where((number % 3 == 0) & asks, number // 3 % _KINDS, -1)
    return replace(Condition.none(len(samples)), labels=labels)


def _shaped(subject: _Subject) -> None:
    drawn, shape = subject.whole(), _shape(subject.reading)
    require(drawn.shape == (_COUNT, *shape), f"samples have the shape {shape}; got {tuple(drawn.shape[1:])}")
    require(bool(drawn.isfinite().all()), "samples hold numbers that are not finite")


def _shape(reading: Any) -> tuple[int, ...]:
    """Return the shape of a sample of a reading."""
    if isinstance(reading, NextToken):
        return (reading.length,)
    if isinstance(reading, Decoder):
        return tuple(reading.decode(torch.zeros(1, *reading.latent), Condition.none(1)).shape[1:])
    return tuple(reading.shape)


def _repeated(subject: _Subject) -> None:
    again = subject.drawn(list(range(_COUNT)))
    require(torch.equal(again, subject.whole()), "the same seed gives other samples the second time")


def _independent(subject: _Subject) -> None:
    for asks, where in ((False, ""), (True, _MIXED)):
        whole = subject.whole(asks=asks)
        for sample in (0, _ROWS, _COUNT - 1):
            alone = subject.drawn([sample], asks=asks)
            require(torch.equal(alone[0], whole[sample]), f"sample {sample} is another when drawn alone{where}")
        order = list(range(_COUNT))[::-1]
        turned = subject.drawn(order, asks=asks)
        require(torch.equal(turned, whole[order]), f"samples depend on their order{where}")


def _fixed(subject: _Subject) -> None:
    for asks, where in ((False, ""), (True, _MIXED)):
        found = sorted(set(subject.calls(asks=asks)))
        require(found == [_ROWS], f"the network is to be given {_ROWS} rows at every call; it was given {found}{where}")


def _seeded(subject: _Subject) -> None:
    one, other = subject.whole(), subject.drawn(list(range(_COUNT)), seed=6)
    same = torch.equal(one, other)
    constant = bool((one == one[:1]).all())
    require(not same or constant, "another seed gives the same samples, and they are not all alike")


def _near(subject: _Subject) -> None:
    models = eight_gaussians(), AtOnce(inner=eight_gaussians())
    troubles = [check.trouble for model in models for check in checks({"it is drawn": _gaussian}, subject, model)]
    require(None in troubles, f"{troubles[0]}; nor does it draw from a model that gives a whole sample in one call")


def _gaussian(subject: _Subject, reading: Denoiser) -> None:
    x, condition = subject.many(reading)
    known = torch.full((2,), torch.nan) if subject.known is None else subject.known
    modes, asked = _modes(known), condition.labels[:, 0]
    distance, mode = torch.cdist(x[:, known.isnan()], modes).min(1)
    near = (distance < _NEAR) & ((asked < 0) | (mode == asked))
    _require_most(near, condition, f"lie within {_NEAR} of a mode that they may have", share=_NEAR_SHARE)
    found = len(set(mode[near & (asked < 0)].tolist()))
    require(found == len(modes), f"of {len(modes)} modes it finds {found}")


def _require_most(holds: Tensor, condition: Condition, what: str, *, share: float) -> None:
    """Raise PluginError unless something holds of so many of the samples, of those that ask and of the others."""
    asked = condition.labels[:, 0] >= 0
    for group, name in ((~asked, "nothing"), (asked, "something")):
        found, count = int(holds[group].sum()), int(group.sum())
        require(found >= share * count, f"{found} of {count} samples that ask for {name} {what}")


def _modes(known: Tensor) -> Tensor:
    """Return where the means of the Gaussians are that lie nearest to a part, in what it leaves free."""
    means, free = eight_gaussians().means, known.isnan()
    apart = (means - known).nan_to_num().square().sum(1)
    return means[apart < apart.min() + 1e-6][:, free]


def _likely(subject: _Subject) -> None:
    _require_rounds(subject, *subject.many(subject.reading), share=_LIKELY_SHARE)


def _filled(subject: _Subject) -> None:
    x, condition = subject.many(subject.reading)
    hidden = int((x == subject.reading.mask).any(1).sum())
    require(not hidden, f"in {hidden} of {_MANY} samples, something is still hidden")
    _require_rounds(subject, x, condition, share=_FILLED_SHARE)


def _require_rounds(subject: _Subject, x: Tensor, condition: Condition, *, share: float) -> None:
    rounds = _rounds()
    known = torch.tensor(-1) if subject.known is None else subject.known.flatten()
    likely = rounds.asked(condition)
    likely = (likely > likely.amax() / 1000) & ((known < 0) | (known == rounds.rows)).all(1)
    found = ((x[:, None] == rounds.rows).all(2) & likely).any(1)
    _require_most(found, condition, "are rounds that they may be", share=share)


def _decoded(subject: _Subject) -> None:
    recorded = _Recorded(subject.reading)
    x, condition = subject.many(recorded)
    require(recorded.calls, "the decoder was not called")
    same = (x[:, None] == recorded.decoded).all(2)
    others = int((~same.any(1)).sum())
    require(not others, f"{others} of {_MANY} samples are none that the decoder gave")
    z = recorded.latents[same.int().argmax(1)]
    wanted = subject.reading.decode(z, condition)
    require(torch.allclose(x, wanted, atol=1e-4), "samples are not what the decoder gives for what they ask for")
    deviation = float(z.std(0).mean())
    require(
        _NARROWEST < deviation < _WIDEST,
        f"latents are unit normal, or from {_NARROWEST} to {_WIDEST} wide; got a deviation of {deviation:.2g}",
    )


@final
@dataclass
class _Recorded:
    """A decoder that keeps what it was given, and what it gave."""

    inner: Decoder
    calls: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    @property
    def latent(self) -> tuple[int, ...]:
        return self.inner.latent

    def decode(self, z: Tensor, condition: Condition) -> Tensor:
        found = self.inner.decode(z, condition)
        self.calls.append((z, found))
        return found

    @cached_property
    def latents(self) -> Tensor:
        return torch.cat([z for z, _ in self.calls])

    @cached_property
    def decoded(self) -> Tensor:
        return torch.cat([found for _, found in self.calls])


_FACTS: Mapping[str, Callable[..., None]] = {
    "it draws samples of the reading's shape": _shaped,
    "the same seed draws the same samples": _repeated,
    "a sample depends on no other": _independent,
    "the network is always given as many rows": _fixed,
    "another seed draws other samples": _seeded,
}
_FACTS_OF: Mapping[Reads, Mapping[str, Callable[..., None]]] = {
    "denoiser": {"what it draws lies near the modes, and every mode is found": _near},
    "next-token": {"what it draws is likely": _likely},
    "unmasker": {"it leaves nothing hidden, and what it draws is likely": _filled},
    "decoder": {"what it draws is decoded, from latents of about unit deviation": _decoded},
}
