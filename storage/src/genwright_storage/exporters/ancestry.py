"""What a run's model was made from, as its checkpoint tells it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from genwright.errors import UnknownName
from genwright.exporters.row import Origin
from genwright.run import Run
from genwright.store import Record, Store

__all__ = ["Ancestry", "with_ancestry"]


@final
@dataclass(frozen=True, kw_only=True)
class Ancestry:
    """Where a model comes from; "" for what its checkpoint does not tell, or if the store has none.

    data:        the name of the data set that it was trained on, or the file
    data_sha256: the digest of that
    start:       the digest of the model whose weights it began with
    """

    data: str = ""
    data_sha256: str = ""
    start: str = ""


def with_ancestry(samples: Iterator[Origin], store: Store) -> Iterator[tuple[Record, Run, Ancestry]]:
    """Yield each sample with its run and with what the model of that was made from."""
    last, ancestry = None, Ancestry()
    for record, run in samples:
        if run.id != last:
            last, ancestry = run.id, _ancestry(store, run.checkpoint)
        yield record, run, ancestry


def _ancestry(store: Store, digest: str) -> Ancestry:
    if not digest:
        return Ancestry()
    try:
        recipe = json.loads(store.checkpoint(digest).card)["recipe"]
        told = {name: recipe.get(name) for name in ("data", "data_sha256", "start")}
    except (UnknownName, ValueError, TypeError, KeyError, AttributeError):
        # A card is text that others may have put; what it does not tell is not known.
        return Ancestry()
    return Ancestry(**{name: value for name, value in told.items() if isinstance(value, str)})
