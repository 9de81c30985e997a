"""The outcome of checking one fact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from genwright.errors import PluginError

__all__ = ["Check", "checks", "require"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A fact that should hold, and what was found instead.

    trouble: what was found; None if the fact holds
    skipped: why it was not looked at; None if it was
    """

    name: str
    trouble: str | None = None
    skipped: str | None = None


def checks(facts: Mapping[str, Callable[..., None]], *subjects: object, of: str = "") -> Iterator[Check]:
    """Check facts one by one: each is a function of the subjects that raises where it does not hold.

    of: what the facts are about, written before the name of each
    """
    for name, fact in facts.items():
        yield _check(f"{of}: {name}" if of else name, fact, subjects)


def require(holds: object, trouble: str) -> None:
    """Raise PluginError with the trouble unless something holds."""
    if not holds:
        raise PluginError(trouble)


def _check(name: str, fact: Callable[..., None], subjects: tuple[object, ...]) -> Check:
    try:
        fact(*subjects)
    except PluginError as error:
        return Check(name=name, trouble=str(error))
    except Exception as error:
        return Check(name=name, trouble=f"it raised {type(error).__name__}: {error}")
    return Check(name=name)
