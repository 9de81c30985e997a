"""The operations there are, and what can be asked of them by name."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from genwright.errors import UnknownName
from genwright.kernels.operation import Explanation, Operation
from genwright.kernels.policy import AUTOMATIC, POLICY, REFERENCE, Policy, applied

__all__ = ["OPERATIONS", "check", "explain", "implementations", "operation", "operations", "use"]

OPERATIONS: dict[str, str] = {
    "attention": "genwright.kernels.attention.spec:attention",
    "adaptive_norm": "genwright.kernels.adaptive_norm.spec:adaptive_norm",
    "convolution": "genwright.kernels.convolution.spec:convolution",
    "cross_entropy": "genwright.kernels.cross_entropy.spec:cross_entropy",
    "decode_attention": "genwright.kernels.decode_attention.spec:decode_attention",
    "geglu": "genwright.kernels.geglu.spec:geglu",
    "group_norm_silu": "genwright.kernels.group_norm_silu.spec:group_norm_silu",
    "linear": "genwright.kernels.linear.spec:linear",
    "linear_cross_entropy": "genwright.kernels.linear_cross_entropy.spec:linear_cross_entropy",
    "philox_normal": "genwright.kernels.philox_normal.spec:philox_normal",
    "rotary_cache": "genwright.kernels.rotary_cache.spec:rotary_cache",
    "sample_logits": "genwright.kernels.sample_logits.spec:sample_logits",
    "sampler_step": "genwright.kernels.sampler_step.spec:sampler_step",
}
"""Where each operation is declared, by its name: "genwright.kernels.attention.spec:attention"."""


def operations() -> list[str]:
    """Return the names of all operations."""
    return sorted(OPERATIONS)


def operation(name: str) -> Operation[..., Any]:
    """Return an operation by its name.

    Raises UnknownName if there is none.
    """
    if name not in OPERATIONS:
        raise UnknownName("operation", name, OPERATIONS)
    module, _, attribute = OPERATIONS[name].partition(":")
    found: Operation[..., Any] = getattr(importlib.import_module(module), attribute)
    return found


def explain(op: str | Operation[..., Any], *args: Any, **keywords: Any) -> Explanation:
    """Return which implementation a call of an operation takes now, and why it takes no other.

    Raises UnknownName if there is no such operation.
    """
    return (operation(op) if isinstance(op, str) else op).explain(*args, **keywords)


def implementations() -> list[str]:
    """Return the names that some operation has an implementation of."""
    return sorted({name for each in OPERATIONS for name in operation(each).names})


def check(policy: Policy) -> None:
    """Raise UnknownName unless each operation that is named has what is asked of it, and some one what is of all."""
    asked = policy.everywhere
    # Every operation has a reference, so that all of them are looked at only for other names.
    if asked not in (AUTOMATIC, REFERENCE) and asked not in (names := implementations()):
        raise UnknownName("implementation", asked, (AUTOMATIC, *names))
    for name, chosen in policy.each.items():
        if chosen not in (AUTOMATIC, *(own := operation(name).names)):
            raise UnknownName(f"implementation of {name}", chosen, (AUTOMATIC, *own))


@contextmanager
def use(implementation: str | None = None, *, invariant: bool | None = None, **each: str) -> Iterator[None]:
    """Choose implementations for a while: use("reference"), use(attention="triton"), use(invariant=True).

    implementation: of all operations that are not named and have it, while others choose as by "automatic", which goes
                    by the tables and falls back
    invariant:      whether a row's bits may not depend on the rows beside it: operations then take only implementations
                    of which that holds, and samples are drawn 16 rows at a time, however many are asked for
    each:           the implementation of an operation; "automatic" goes back to the tables

    What is not said stays as it was around. A choice other than "automatic" that cannot serve raises MismatchError when
    the operation is called. Raises UnknownName for a name that no operation has, or not the one beside which it stands.
    """
    policy = _changed(POLICY.get(), implementation, invariant, each)
    check(policy)
    with applied(policy):
        yield


def _changed(policy: Policy, everywhere: str | None, invariant: bool | None, each: dict[str, str]) -> Policy:
    return replace(
        policy,
        everywhere=policy.everywhere if everywhere is None else everywhere,
        each=each if everywhere is not None else {**policy.each, **each},
        invariant=policy.invariant if invariant is None else invariant,
    )
