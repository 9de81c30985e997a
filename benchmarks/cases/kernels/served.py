"""A call of an operation, by each implementation that can serve it and by what PyTorch has for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import torch

from benchmarks.clock import Repeated
from benchmarks.peers.diffusers_steps import step
from benchmarks.peers.operators import OPERATORS, operators
from benchmarks.stopwatch import timed
from genwright.kernels.catalogue import use
from genwright.kernels.operation import Operation
from genwright.kernels.policy import REFERENCE
from genwright.kernels.spec import Call

__all__ = ["Served", "served"]

Work = Callable[[], object]


@final
@dataclass(frozen=True, kw_only=True)
class Served:
    """How long a call takes.

    chosen:    the implementation that is taken unless another is asked for
    ours:      seconds of implementations, by name
    operators: seconds of what PyTorch has for it, and of what other packages have
    reasons:   why others do not serve, which this machine could run
    """

    chosen: str | None
    ours: Mapping[str, Repeated]
    operators: Mapping[str, Repeated]
    reasons: Mapping[str, str]

    @property
    def best(self) -> tuple[str, Repeated] | None:
        """The fastest of what PyTorch has, by its name."""
        found = {name: each for name, each in self.operators.items() if not name.startswith("diffusers")}
        return min(found.items(), key=lambda item: item[1].median) if found else None


@torch.inference_mode()
def served(operation: Operation[..., Any], call: Call, device: torch.device, *, seconds: float = 0.2) -> Served:
    """Return how long each that can serve a call takes for it.

    seconds: about how long each is called altogether
    """
    work, reasons = _working(operation, call)
    beside, told = _beside(operation.name, call)
    found = timed({**work, **beside}, device, seconds=seconds)
    plain = OPERATORS.get(operation.name, () if _peerless(beside) else (REFERENCE,))
    return Served(
        chosen=operation.explain(*call.args, **call.keywords).chosen,
        ours={name: found[name] for name in work},
        operators={name: found[name] for name in (*beside, *plain) if name in found},
        reasons=reasons | told,
    )


def _peerless(beside: Mapping[str, Work]) -> bool:
    """Whether there is something of PyTorch beside the reference."""
    return any(not name.startswith("diffusers") for name in beside)


def _working(operation: Operation[..., Any], call: Call) -> tuple[dict[str, Work], dict[str, str]]:
    """Return what serves a call, each called once, and what keeps others from it that this machine could run."""
    work: dict[str, Work] = {}
    reasons: dict[str, str] = {}
    missing = {other.name: other.missing for other in operation.others}
    for name in operation.names:
        with use(None, invariant=None, **{operation.name: name}):
            reason = operation.explain(*call.args, **call.keywords).reasons.get(name)
            if reason is None:
                reason = _tried(made := partial(_function(operation, call), *call.args, **call.keywords))
        if reason is None:
            work[name] = made
        elif not missing.get(name):
            reasons[name] = reason
    return work, reasons


def _function(operation: Operation[..., Any], call: Call) -> Callable[..., object]:
    return operation.chosen(*call.args, **call.keywords)


def _tried(work: Work) -> str | None:
    """Return what goes wrong when something is called, if anything: of a GPU that nobody has tried, it may be much."""
    try:
        work()
        if torch.cuda.is_available():
            torch.cuda.synchronize()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    return None


def _beside(operation: str, call: Call) -> tuple[dict[str, Work], dict[str, str]]:
    found, reasons = operators(operation, call), {}
    if operation == "sampler_step":
        try:
            stepped = step(call)
            found |= {} if stepped is None else {"diffusers' step": stepped}
        except ImportError:
            reasons["diffusers"] = "it is not installed"
    tried = {name: _tried(work) for name, work in found.items()}
    failed = {name: reason for name, reason in tried.items() if reason is not None}
    return {name: work for name, work in found.items() if name not in failed}, reasons | failed
