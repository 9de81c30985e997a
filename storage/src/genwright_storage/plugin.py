"""What this distribution contributes."""

from __future__ import annotations

from collections.abc import Iterable

from genwright.hooks import hookimpl
from genwright.specs import CommandSpec, StoreSpec

__all__ = ["register_stores"]


@hookimpl
def register_stores() -> Iterable[StoreSpec]:
    """Return the SQL store, by URL scheme."""
    yield StoreSpec(
        name="sqlite",
        target="genwright_storage.store:SQLStore",
        summary="one file, every row under a Merkle ledger",
    )
