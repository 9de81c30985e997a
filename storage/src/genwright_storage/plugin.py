"""What this distribution contributes."""

from __future__ import annotations

from collections.abc import Iterable

from genwright.hooks import hookimpl
from genwright.specs import CommandSpec, StoreSpec

__all__ = ["register_commands", "register_stores"]


@hookimpl
def register_stores() -> Iterable[StoreSpec]:
    """Return the SQL store, by URL scheme."""
    yield StoreSpec(
        name="sqlite",
        target="genwright_storage.store:SQLStore",
        summary="one file, every row under a Merkle ledger",
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
    ("store init", "store:init", "Make a store, and the key that signs its ledger."),
    ("store keys", "store:keys", "Print the public keys that sign the ledger."),
    ("store rotate-key", "store:rotate_key", "Let a new key sign the ledger from now on."),
)
