"""An operation, its implementations, and which of them serves a call."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, ParamSpec, TypeVar, cast, final

import torch
from torch import Tensor

from genwright.errors import MismatchError, UnknownName
from genwright.kernels.platforms import without_numba, without_triton
from genwright.kernels.policy import AUTOMATIC, POLICY, REFERENCE, Policy
from genwright.kernels.record import note
from genwright.kernels.table import architecture, table

__all__ = ["Explanation", "Implementation", "Operation"]

P = ParamSpec("P")
R = TypeVar("R")


def _anywhere() -> None:
    return None


def _anything(*args: object, **keywords: object) -> None:
    return None


@final
@dataclass(frozen=True, kw_only=True)
class Implementation(Generic[P]):
    """A way to compute an operation other than the reference.

    target:    "genwright.kernels.attention.kernel:attention", imported when it is first chosen
    invariant: whether a row's bits are the same whatever rows are beside it, and however many
    platform:  the reason why this machine cannot run it, or None; asked once
    arguments: the reason why it cannot take these arguments, or None; asked at each call, so it only looks at shapes,
               strides, dtypes and devices
    """

    name: str
    target: str
    invariant: bool
    platform: Callable[[], str | None] = _anywhere
    arguments: Callable[P, str | None] = _anything

    @classmethod
    def in_triton(cls, operation: str, arguments: Callable[P, str | None]) -> Implementation[P]:
        """Return what an operation's kernel.py has: a row's bits do not depend on those beside it."""
        return cls(
            name="triton",
            target=f"genwright.kernels.{operation}.kernel:{operation}",
            invariant=True,
            platform=without_triton,
            arguments=arguments,
        )

    @classmethod
    def in_numba(cls, operation: str, arguments: Callable[P, str | None]) -> Implementation[P]:
        """Return what an operation's cpu.py has: a row's bits do not depend on those beside it."""
        return cls(
            name="numba",
            target=f"genwright.kernels.{operation}.cpu:{operation}",
            invariant=True,
            platform=without_numba,
            arguments=arguments,
        )

    @cached_property
    def missing(self) -> str | None:
        """The reason why this machine cannot run it, if there is one."""
        return self.platform()

    @cached_property
    def function(self) -> Callable[..., Any]:
        """What computes it."""
        module, _, name = self.target.partition(":")
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return function


@final
@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Why a call is served as it is.

    chosen:  the implementation that serves, or None if none can
    reasons: what keeps each of those before it from serving, and each that is not tried, by name
    """

    operation: str
    chosen: str | None
    reasons: Mapping[str, str]

    def __str__(self) -> str:
        lines = [f"{self.operation}: {self.chosen or 'none serves'}"]
        return "\n".join([*lines, *(f"  not {name}: {reason}" for name, reason in self.reasons.items())])


@final
@dataclass(frozen=True, kw_only=True)
class Operation(Generic[P, R]):
    """A function with several implementations, of which a call takes the first that can serve.

    reference: plain PyTorch, which runs anywhere and is the meaning of the operation
    invariant: whether the reference gives a row the same bits whatever rows are beside it
    others:    the other implementations
    compiled:  what is taken inside torch.compile, which makes kernels of its own of plain PyTorch; None for the choice
               that is made outside it
    case:      the name under which tables list the arguments of a call
    usual:     what serves before the reference where nothing was measured
    on_gpus:   what serves before that on a GPU: one kernel for what the reference launches dozens for
    """

    name: str
    reference: Callable[P, R]
    invariant: bool
    others: tuple[Implementation[P], ...] = ()
    compiled: Callable[P, R] | None = None
    case: Callable[P, str] | None = None
    usual: tuple[str, ...] = ()
    on_gpus: tuple[str, ...] = ()

    def __call__(self, *args: P.args, **keywords: P.kwargs) -> R:
        """Return what the chosen implementation gives.

        Raises MismatchError if an implementation was asked for that cannot serve, UnknownName if there is none such.
        """
        if self.compiled is not None and torch.compiler.is_compiling():
            return self.compiled(*args, **keywords)
        return self.chosen(*args, **keywords)(*args, **keywords)

    def chosen(self, *args: P.args, **keywords: P.kwargs) -> Callable[P, R]:
        """Return what serves a call with these arguments, and write it down as having served.

        It is for loops whose arguments keep their shapes, strides, dtypes and devices, which then need not choose at
        every call. Raises as a call does.
        """
        name = next((name for name, reason in self._tried(args, keywords) if reason is None), None)
        if name is None:
            raise MismatchError(self._refusal(args, keywords))
        note(self.name, name)
        return self.reference if name == REFERENCE else cast(Callable[P, R], self._others[name].function)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its implementations."""
        return (REFERENCE, *(other.name for other in self.others))

    def explain(self, *args: P.args, **keywords: P.kwargs) -> Explanation:
        """Return which implementation a call with these arguments takes now, and why it takes no other."""
        reasons: dict[str, str] = {}
        for name, reason in self._tried(args, keywords):
            if reason is None:
                said = f"{name} {'serves before it' if self._choice == AUTOMATIC else 'was asked for'}"
                left = (other for other in self.names if other not in (*reasons, name))
                return Explanation(operation=self.name, chosen=name, reasons=reasons | dict.fromkeys(left, said))
            reasons[name] = reason
        return Explanation(operation=self.name, chosen=None, reasons=reasons)

    @property
    def _choice(self) -> str:
        """What is asked of it; what is asked of all and it does not have leaves it the automatic choice."""
        policy = POLICY.get()
        choice = policy.choice(self.name)
        return choice if choice in self.names or self.name in policy.each else AUTOMATIC

    @cached_property
    def _others(self) -> Mapping[str, Implementation[P]]:
        return {other.name: other for other in self.others}

    def _tried(self, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        """Yield each candidate in turn and what keeps it from serving, if anything."""
        policy = POLICY.get()
        for name in self._candidates(args, keywords):
            yield name, self._reason(name, policy, args, keywords)

    def _candidates(self, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> tuple[str, ...]:
        choice = self._choice
        if choice in self.names:
            return (choice,)
        if choice != AUTOMATIC:
            raise UnknownName(f"implementation of {self.name}", choice, (AUTOMATIC, *self.names))
        case = self.case(*args, **keywords) if self.case else ""
        device = _device(args, keywords)
        measured = (name for name in table(architecture(device)).order(self.name, case) if name in self.names)
        usual = (*self.on_gpus, *self.usual) if device.type == "cuda" else self.usual
        # What was not measured stands behind the reference, and serves where the reference may not.
        return tuple(dict.fromkeys((*measured, *usual, *self.names)))

    def _reason(self, name: str, policy: Policy, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> str | None:
        invariant = self.invariant if name == REFERENCE else self._others[name].invariant
        if policy.invariant and not (invariant or policy.tiled):
            return "a row's bits depend on the rows beside it, and batch invariance was asked for"
        if name == REFERENCE:
            return None
        other = self._others[name]
        return other.missing or other.arguments(*args, **keywords)

    def _refusal(self, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> str:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self._tried(args, keywords))
        if self._choice == AUTOMATIC:
            return f"no implementation of {self.name} can serve here ({reasons}). Try kernels.use(invariant=False)."
        return (
            f"implementation {self._choice!r} of {self.name} was asked for, which cannot serve here ({reasons}). "
            f"Try kernels.use({self.name}='automatic')."
        )


def _device(args: tuple[Any, ...], keywords: Mapping[str, Any]) -> torch.device:
    """Return where the first tensor among the arguments is."""
    found = (value.device for value in (*args, *keywords.values()) if isinstance(value, Tensor))
    return next(found, torch.device("cpu"))
