"""What `--kernels` asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from genwright.errors import UnknownName

__all__ = ["INVARIANT", "kernels"]

INVARIANT = "invariant"
"""What asks for kernels that give a row the same bits whatever rows are beside it."""


@contextmanager
def kernels(asked: Sequence[str]) -> Iterator[None]:
    """Have only the kernels serve that are asked for: "reference", "invariant", "attention=sdpa".

    Raises UnknownName for another word, and for an operation or an implementation that there is not.
    """
    # Imported where it is needed: it imports torch.
    from genwright.kernels import AUTOMATIC, REFERENCE, use
    from genwright.kernels.catalogue import check

    each = dict(text.split("=", 1) for text in asked if "=" in text)
    words = [text for text in asked if "=" not in text]
    known = (REFERENCE, AUTOMATIC, INVARIANT)
    if wrong := [word for word in words if word not in known]:
        raise UnknownName("choice of kernels", wrong[0], (*known, "OPERATION=NAME"))
    # Before they become keywords, of which some are no operations.
    check(each)
    everywhere = next((word for word in words if word != INVARIANT), None)
    with use(everywhere, invariant=True if INVARIANT in words else None, **each):
        yield
