"""What is inside the distributions that plugins come from, as one digest each."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

__all__ = ["LARGEST", "content_digest"]

LARGEST = 1 << 20
"""Bytes of the largest file that counts: weights are larger, and named by digests of their own."""


def content_digest(distribution: str, *modules: str) -> str:
    """Return the SHA-256 over the files of a distribution's packages as they are imported here; "" for none.

    modules: top-level modules that are known to be its own, beside those that it lists

    The same content has the same digest however it was installed, and a file edited where it lies has another.
    """
    found = dict(entry for name in sorted({*modules, *_listed(distribution)}) for entry in _files(name))
    lines = [f"{name} {_sha256(path)}\n" for name, path in sorted(found.items()) if path.stat().st_size <= LARGEST]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest() if lines else ""


def _listed(distribution: str) -> Iterator[str]:
    """Yield the top-level modules that the metadata of a distribution tell of."""
    with suppress(importlib.metadata.PackageNotFoundError):
        found = importlib.metadata.distribution(distribution)
        yield from (point.module.partition(".")[0] for point in found.entry_points)
        for file in found.files or ():
            # An editable install lists a file that leads elsewhere, and scripts lie outside.
            if file.suffix == ".py" and file.parts[0] != ".." and not file.name.startswith("__editable__"):
                yield file.parts[0].removesuffix(".py")


def _files(module: str) -> Iterator[tuple[str, Path]]:
    """Yield the files of a top-level module, each with its path within the folder that holds the module."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return
    if spec is None:
        return
    if spec.submodule_search_locations is None:
        if spec.origin is not None and os.path.isfile(spec.origin):
            yield Path(spec.origin).name, Path(spec.origin)
        return
    for folder in map(Path, spec.submodule_search_locations):
        for place, folders, names in os.walk(folder):
            folders[:] = [name for name in folders if name != "__pycache__"]
            for name in names:
                path = Path(place, name)
                if path.is_file():
                    yield path.relative_to(folder.parent).as_posix(), path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
