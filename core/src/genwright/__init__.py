"""Genwright: one workbench for generative models.

    import genwright as gw

    batch = gw.generate("molecules", 1_000, seed=7)
    print(batch.report(reference="nci"))
    print(gw.audit(batch[0]))

Each name is imported on first use, so importing genwright imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genwright.api import (
        audit,
        decode,
        encode,
        evaluate,
        generate,
        interpolate,
        load,
        replay,
        resume,
        score,
        stages,
        stream,
        train,
        trajectory,
    )
    from genwright.errors import GenwrightError
    from genwright.exports import export
    from genwright.imports import import_samples
    from genwright.lineages import lineage
    from genwright.recipe import Recipe, use
    from genwright.searches import search
    from genwright.store import open_store

__all__ = [
    "GenwrightError",
    "Recipe",
    "audit",
    "decode",
    "encode",
    "evaluate",
    "export",
    "generate",
    "import_samples",
    "interpolate",
    "lineage",
    "load",
    "open_store",
    "replay",
    "resume",
    "score",
    "search",
    "stages",
    "stream",
    "train",
    "trajectory",
    "use",
]

_HOMES = dict.fromkeys(__all__, "genwright.api") | {
    "GenwrightError": "genwright.errors",
    "Recipe": "genwright.recipe",
    "export": "genwright.exports",
    "import_samples": "genwright.imports",
    "lineage": "genwright.lineages",
    "open_store": "genwright.store",
    "search": "genwright.searches",
    "use": "genwright.recipe",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'genwright' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
