"""What this distribution contributes."""

from __future__ import annotations

from collections.abc import Iterable

from genwright.hooks import hookimpl
from genwright.specs import CommandSpec, ExporterSpec, StoreSpec

__all__ = ["register_commands", "register_exporters", "register_stores"]


@hookimpl
def register_stores() -> Iterable[StoreSpec]:
    """Return the SQL store, by URL scheme."""
    yield StoreSpec(
        name="sqlite",
        target="genwright_storage.store:SQLStore",
        summary="one file, every row under a Merkle ledger",
    )
    yield StoreSpec(
        name="postgresql",
        target="genwright_storage.store:SQLStore",
        summary="a database of a team, the same under a signed ledger",
        extra="genwright-storage[postgresql]",
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


@hookimpl
def register_commands() -> Iterable[CommandSpec]:
    """Return the commands that a store in SQL serves."""
    for name, target, summary in _COMMANDS:
        yield CommandSpec(name=name, target=f"genwright_storage.cli.{target}", summary=summary)


_COMMANDS = (
    ("audit prove", "audit:prove_sample", "Write a proof that a sample is in the ledger."),
    ("audit verify-proof", "audit:verify_proof", "Check a proof with nothing but public keys."),
    ("audit witness", "audit:witness", "Note the signed head of the ledger in a file or git repository."),
    ("store backup", "store:backup", "Write a copy of the store to a new file."),
    ("store gc", "store:gc", "Remove files of large payloads that no sample names."),
    ("store index", "index:index", "Index what was recorded, so that the next search need not."),
    ("store grants", "server:print_grants", "Print the SQL for the roles of a store in PostgreSQL."),
    ("store init", "store:init", "Make a store, and the key that signs its ledger."),
    ("store keys", "store:keys", "Print the public keys that sign the ledger."),
    ("store sequence", "server:sequence", "Bring what waits into the ledger of a store in PostgreSQL."),
    ("store rotate-key", "store:rotate_key", "Let a new key sign the ledger from now on."),
)
