"""What this distribution contributes."""

from __future__ import annotations

from collections.abc import Iterable

from genwright.hooks import hookimpl
from genwright.specs import ExporterSpec, StoreSpec

__all__ = ["register_exporters", "register_stores"]


@hookimpl
def register_stores() -> Iterable[StoreSpec]:
    """Return the SQL store, by URL scheme."""
    yield StoreSpec(
        name="sqlite",
        target="genwright_storage.store:SQLStore",
        summary="one file, every row under a Merkle ledger",
    )


@hookimpl
def register_exporters() -> Iterable[ExporterSpec]:
    """Return the formats in which samples tell of themselves to others."""
    yield ExporterSpec(
        name="prov",
        target="genwright_storage.exporters.prov:write",
        summary="a graph from data sets to samples, in W3C PROV-JSON",
        extra="genwright-storage[prov]",
        endings=(".prov.json",),
    )
    yield ExporterSpec(
        name="in-toto",
        target="genwright_storage.exporters.intoto:write",
        summary="a signed in-toto statement a line",
        endings=(".intoto.jsonl", ".intoto.jsonl.gz", ".intoto.jsonl.xz"),
    )
    yield ExporterSpec(
        name="c2pa",
        target="genwright_storage.exporters.c2pa:write",
        summary="a folder of files with C2PA manifests in or signed statements beside them",
        extra="genwright-storage[c2pa]",
    )
