"""What core itself contributes, through the same hooks as any plugin."""

from __future__ import annotations

from collections.abc import Iterable

from genwright.hooks import hookimpl
from genwright.specs import FamilySpec


@hookimpl
def register_families() -> Iterable[FamilySpec]:
    """Return core's families."""
    return []
