"""What `--kernels` asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from genwright.errors import UnknownName, UsageError

__all__ = ["INVARIANT", "kernels"]

INVARIANT = "invariant"
"""What asks that a row's bits do not depend on the rows beside it."""


@contextmanager
def kernels(asked: Sequence[str]) -> Iterator[None]:
    """Have only the kernels serve that are asked for: "reference", "numba", "invariant", "attention=sdpa".

    Raises UnknownName for another word, and for an operation or an implementation that there is not; UsageError for two
    choices of the same.
    """
    # Imported where it is needed: it imports torch.
    from genwright.kernels import AUTOMATIC, use
    from genwright.kernels.catalogue import check, implementations
    from genwright.kernels.policy import Policy

    each = _choices(asked)
    everywhere = each.pop(None, None)
    known = (INVARIANT, AUTOMATIC, *implementations()) if everywhere is not None else ()
    if everywhere is not None and everywhere not in known:
        raise UnknownName("choice of kernels", everywhere, (*known, "OPERATION=NAME"))
    # Before they become keywords, of which some are no operations.
    named = {operation: name for operation, name in each.items() if operation is not None}
    check(Policy(each=named))
    with use(everywhere, invariant=True if INVARIANT in asked else None, **named):
        yield


def _choices(asked: Sequence[str]) -> dict[str | None, str]:
    """Return which implementation is asked for, by operation, None for all. Raises UsageError for two of one."""
    found: dict[str | None, str] = {}
    for text in asked:
        operation, equals, name = text.rpartition("=")
        of = operation if equals else None
        if text != INVARIANT and found.setdefault(of, name) != name:
            raise UsageError(
                f"--kernels takes one choice for each operation and one for all; got {found[of]!r} and {name!r} for "
                f"{'all operations' if of is None else of}. Leave one of them out."
            )
    return found
