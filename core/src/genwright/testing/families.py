"""What must hold of a family, and of the networks it trains."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, final, get_args

import torch
from torch import Tensor

from genwright.errors import MismatchError
from genwright.family import Batch, Family
from genwright.readings import Condition, Decoder, Denoiser, NextToken, Unmasker
from genwright.seeds import Noise, seeded_torch
from genwright.specs import FamilySpec, Reads
from genwright.testing.check import Check, checks, require
from genwright.testing.networks import shaken

__all__ = ["check_family"]

_PROTOCOLS: Mapping[Reads, type] = {
    "next-token": NextToken,
    "denoiser": Denoiser,
    "unmasker": Unmasker,
    "decoder": Decoder,
}
assert set(_PROTOCOLS) == set(get_args(Reads))
_STEPS, _STOP = 4, 2
_MOVES = (
    "Leave out what has no effect; what is there for what is asked is moved where the condition of some examples asks"
)


def check_family(
    make: Callable[[], Family], spec: FamilySpec, x: Tensor, *, condition: Condition | None = None, of: str = ""
) -> Iterator[Check]:
    """Check that a family keeps its contract.

    make:      makes it, its networks untrained, alike each time
    x:         an even number of encoded examples, [B, *shape]
    condition: what they have of each condition; None for a family without any
    of:        what to call the family in the names of the checks
    """
    given = Condition.none(len(x)) if condition is None else condition
    batch = Batch(x=x, condition=given, noise=Noise(3, torch.arange(len(x))))
    return checks(_FACTS, make, spec, batch, of=of)


def _finite(make: Callable[[], Family], spec: FamilySpec, batch: Batch) -> None:
    for phase in make().phases():
        loss = phase.loss(batch)
        require(loss.ndim == 0, f"the loss {phase.name!r} is one number; got the shape {tuple(loss.shape)}")
        require(math.isfinite(float(loss.detach())), f"the loss {phase.name!r} is {float(loss.detach())}")


def _named(make: Callable[[], Family], spec: FamilySpec, batch: Batch) -> None:
    names = [phase.name for phase in make().phases()]
    require(names and len(set(names)) == len(names), f"phases have names of their own; got {names}")


def _repeated(make: Callable[[], Family], spec: FamilySpec, batch: Batch) -> None:
    for first, second in zip(make().phases(), make().phases(), strict=True):
        one, other = first.loss(batch), second.loss(batch)
        require(torch.equal(one, other), f"the loss {first.name!r} differs on the same batch: {one} and {other}")


def _averaged(make: Callable[[], Family], spec: FamilySpec, batch: Batch) -> None:
    half = len(batch) // 2
    for phase in make().phases():
        whole = float(phase.loss(batch).detach())
        parts = [float(phase.loss(part).detach()) for part in (batch[:half], batch[half:])]
        mean = sum(parts) / 2
        require(
            math.isclose(whole, mean, rel_tol=1e-3, abs_tol=1e-5),
            f"the loss {phase.name!r} of a batch is {whole:g}, and the mean of those of its halves {mean:g}",
        )


def _moved(make: Callable[[], Family], spec: FamilySpec, batch: Batch) -> None:
    family, half = shaken(make()), len(batch) // 2
    moved = {id(parameter) for phase in family.phases() for parameter in phase.parameters}
    for name, parameter in family.named_parameters():
        require(id(parameter) in moved, f"{name} is moved in no phase")
    for phase in family.phases():
        family.zero_grad()
        # Of two batches: a table of codes begins where the vectors of the first one are, which nothing draws further.
        for part in (batch[:half], batch[half:]):
            torch.autograd.backward(phase.loss(part))
        still = [name for name, p in family.named_parameters() if _is_among(p, phase.parameters) and _is_still(p)]
        require(not still, f"the loss {phase.name!r} does not move {', '.join(still)}. {_MOVES}")


def _is_among(parameter: Tensor, others: Sequence[Tensor]) -> bool:
    return any(parameter is other for other in others)


def _is_still(parameter: Tensor) -> bool:
    """Return whether a loss has left a parameter where it is; a single number that it reaches may cancel out."""
    if parameter.grad is None:
        return parameter.numel() > 0
    return parameter.numel() > 1 and not bool(parameter.grad.any())


def _read(make: Callable[[], Family], spec: FamilySpec, batch: Batch) -> None:
    wanted = _PROTOCOLS[spec.reads]
    try:
        reading: Any = make().reading()
    except MismatchError:
        # Of some families nothing can be drawn but through another model, which they say.
        return
    require(isinstance(reading, wanted), f"its spec says that it is read as {spec.reads}; got {reading!r}")


def _likely(make: Callable[[], Family], spec: FamilySpec, batch: Batch) -> None:
    family = make().eval()
    if spec.likelihood == "none":
        _refused(family, batch)
        return
    with torch.no_grad():
        found = family.log_likelihood(batch.x, batch.condition, batch.noise)
        half = family.log_likelihood(batch.x[:2], batch.condition[:2], batch.noise[:2])
    require(found.shape == (len(batch),), f"there is one log p(x) a row; got the shape {tuple(found.shape)}")
    require(bool(found.isfinite().all()), f"log p(x) is finite; got {found}")
    require(torch.allclose(found[:2], half, rtol=1e-3, atol=1e-3), "log p(x) of a row depends on the others")


def _refused(family: Family, batch: Batch) -> None:
    try:
        family.log_likelihood(batch.x, batch.condition, batch.noise)
    except MismatchError:
        return
    require(False, "its spec says that it has no likelihood, but log_likelihood gives one")


def _resumed(make: Callable[[], Family], spec: FamilySpec, batch: Batch) -> None:
    whole, stopped, resumed = _Training(make()), _Training(make()), _Training(make())
    whole.run(batch, range(_STEPS))
    stopped.run(batch, range(_STOP))
    resumed.take_up(stopped)
    resumed.run(batch, range(_STOP, _STEPS))
    found = resumed.family.state_dict()
    others = [name for name, value in whole.family.state_dict().items() if not torch.equal(value, found[name])]
    require(
        not others,
        f"after {_STEPS} steps, {', '.join(others[:3])} differs where training was resumed after {_STOP}. "
        "Keep what a loss remembers in parameters or buffers, which the state has",
    )


@final
class _Training:
    """A family in training, as the trainer goes about it."""

    def __init__(self, family: Family) -> None:
        self.family = family.train()
        self.optimizers = [torch.optim.AdamW(phase.parameters, betas=phase.betas) for phase in family.phases()]

    def run(self, batch: Batch, steps: range) -> None:
        """Take some of the steps, each with noise of its own."""
        for step in steps:
            noise = Noise(step, batch.noise.samples)
            with seeded_torch(0, step=step):
                self._step(replace(batch, noise=noise, progress=step / _STEPS))

    def take_up(self, stopped: _Training) -> None:
        """Go on from where another one stands."""
        self.family.load_state_dict(stopped.family.state_dict())
        for mine, other in zip(self.optimizers, stopped.optimizers, strict=True):
            mine.load_state_dict(other.state_dict())

    def _step(self, batch: Batch) -> None:
        for number, optimizer in enumerate(self.optimizers):
            self.family.zero_grad()
            torch.autograd.backward(self.family(number, batch))
            optimizer.step()


_FACTS: Mapping[str, Callable[..., None]] = {
    "its phases have names": _named,
    "its losses are finite numbers": _finite,
    "its losses depend on the batch alone": _repeated,
    "every example counts the same": _averaged,
    "every parameter is moved by its loss, but for single numbers that cancel out": _moved,
    "stopped and resumed, it learns the same, to the bit": _resumed,
    "it is read as its spec says": _read,
    "it gives the likelihood that its spec says": _likely,
}
