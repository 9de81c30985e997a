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
    from genwright.api import audit as audit
    from genwright.api import decode as decode
    from genwright.api import encode as encode
    from genwright.api import evaluate as evaluate
    from genwright.api import generate as generate
    from genwright.api import interpolate as interpolate
    from genwright.api import replay as replay
    from genwright.api import resume as resume
    from genwright.api import score as score
    from genwright.api import stream as stream
    from genwright.api import train as train
    from genwright.errors import GenwrightError as GenwrightError
    from genwright.exports import export as export
    from genwright.recipe import Recipe as Recipe
    from genwright.recipe import use as use
    from genwright.store import open_store as open_store

_HOMES = {
    "GenwrightError": "genwright.errors",
    "Recipe": "genwright.recipe",
    "export": "genwright.exports",
    "use": "genwright.recipe",
    "open_store": "genwright.store",
    **dict.fromkeys(
        (
            "audit",
            "decode",
            "encode",
            "evaluate",
            "generate",
            "interpolate",
            "replay",
            "resume",
            "score",
            "stream",
            "train",
        ),
        "genwright.api",
    ),
}

__all__ = [
    "GenwrightError",
    "Recipe",
    "audit",
    "decode",
    "encode",
    "evaluate",
    "export",
    "generate",
    "interpolate",
    "open_store",
    "replay",
    "resume",
    "score",
    "stream",
    "train",
    "use",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'genwright' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
