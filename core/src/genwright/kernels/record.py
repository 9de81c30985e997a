"""What was chosen while something ran."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Chosen", "note", "recorded"]

Chosen = dict[str, list[str]]
"""The names of the implementations that served, by operation, each once and in the order of their first call."""

_RECORDS: ContextVar[tuple[Chosen, ...]] = ContextVar("RECORDS", default=())


@contextmanager
def recorded() -> Iterator[Chosen]:
    """Write down which implementations serve, in a dictionary that JSON takes and that fills while this lasts."""
    chosen: Chosen = {}
    token = _RECORDS.set((*_RECORDS.get(), chosen))
    try:
        yield chosen
    finally:
        _RECORDS.reset(token)


def note(operation: str, implementation: str) -> None:
    """Add what serves a call to the records being made."""
    for chosen in _RECORDS.get():
        names = chosen.setdefault(operation, [])
        if implementation not in names:
            names.append(implementation)
