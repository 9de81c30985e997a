"""What was chosen while something ran."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Chosen", "add", "note", "recorded", "told"]

Chosen = dict[str, list[str]]
"""The names of the implementations that served, by operation, each once and in the order of their first call."""

_RECORDS: ContextVar[tuple[Chosen, ...]] = ContextVar("RECORDS", default=())


@contextmanager
def recorded(into: Chosen | None = None) -> Iterator[Chosen]:
    """Write down which implementations serve, in a dictionary that JSON takes and that fills while this lasts.

    into: a dictionary of before, to go on with
    """
    chosen: Chosen = {} if into is None else into
    token = _RECORDS.set((*_RECORDS.get(), chosen))
    try:
        yield chosen
    finally:
        _RECORDS.reset(token)


def note(operation: str, implementation: str) -> None:
    """Add what serves a call to the records being made."""
    for chosen in _RECORDS.get():
        add(chosen, {operation: [implementation]})


def add(chosen: Chosen, further: Mapping[str, Sequence[str]]) -> None:
    """Add to a record what is in another one."""
    for operation, implementations in further.items():
        names = chosen.setdefault(operation, [])
        names += [name for name in implementations if name not in names]


def told(chosen: Mapping[str, Sequence[str]]) -> str:
    """Return a record as a sentence: "kernels: attention by sdpa; linear by numba, onednn"; "" for an empty one."""
    parts = [f"{operation} by {', '.join(names)}" for operation, names in sorted(chosen.items())]
    return f"kernels: {'; '.join(parts)}" if parts else ""
