"""`genwright audit prove` and what goes with it: evidence for who was not there."""

from __future__ import annotations

from pathlib import Path

import click

from genwright.cli.output import json_option, print_data, say, tell
from genwright.cli.parameters import public_keys, text_of
from genwright.cli.store import store_option
from genwright.errors import DataError, ProofError, UsageError
from genwright_storage.cli.opening import opened_sql
from genwright_storage.evidence import prove
from genwright_storage.keys import KeyRing
from genwright_storage.ledger import state
from genwright_storage.notes import LARGEST, Head, Note, VerifierKey
from genwright_storage.proofs import Proof
from genwright_storage.witness import note_head

__all__ = ["prove_sample", "verify_proof", "witness"]


@click.command("prove")
@click.argument("id")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="A file to write, by default RUN-INDEX.tlog-proof."
)
@store_option
@json_option
def prove_sample(id: str, output: Path | None, where: str | None, as_json: bool) -> None:
    """Write a proof that a sample is in the ledger. ID is its run and its index, such as LAST/0.

    The proof is checked with `genwright audit verify-proof`, offline, by who knows the public key of the ledger.
    """
    with opened_sql(where) as store:
        proof = prove(store, id)
    sample = proof.sample
    path = Path(f"{sample.run}-{sample.index}.tlog-proof") if output is None else output
    try:
        with path.open("x", encoding="utf-8", newline="") as file:
            file.write(proof.to_text())
    except FileExistsError as error:
        raise DataError(f"a proof is written to a new file; {path} is there. Name another with --output.") from error
    say(f"The proof of sample {sample.run}/{sample.index} is checked with: genwright audit verify-proof")
    print_data({"sample": f"{sample.run}/{sample.index}", "file": str(path)}, [path], as_json)


@click.command("verify-proof")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--key", "keys", multiple=True, metavar="KEY", help="A public key to trust: name+id+base64, or a file of them."
)
@click.option(
    "--payload", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The sample's bytes, to compare."
)
@json_option
def verify_proof(file: Path, keys: tuple[str, ...], payload: Path | None, as_json: bool) -> None:
    """Check a proof with nothing but public keys; by default those that this machine trusts for its ledger."""
    if file.stat().st_size > LARGEST:
        raise ProofError(f"a proof has at most 1 MiB; {file} has {file.stat().st_size:,} bytes. Ask for it again.")
    proof = Proof.parse(text_of(file))
    origin = Head.parse(Note.parse(proof.note).text).origin
    trusted = [VerifierKey.parse(key) for key in public_keys(keys)] or KeyRing().trusted(origin)
    if not trusted:
        raise UsageError(
            f"a proof is checked with the public key of its ledger, {origin}; none is known here. Give it with --key."
        )
    head = proof.check(trusted)
    if payload is not None and not proof.covers(payload.read_bytes()):
        raise ProofError(
            f"the proof is of a sample with the SHA-256 {proof.sample.payload.hex()}; {payload} has another. "
            "Do not rely on it."
        )
    id, digest = f"{proof.sample.run}/{proof.sample.index}", proof.sample.payload.hex()
    facts = {"sample": id, "sha256": digest, "origin": head.origin, "entries": head.size}
    lines = (f"{id} is in the ledger {head.origin} of {head.size:,} entries.", f"sha256 {digest}")
    print_data(facts, lines, as_json)


@click.command()
@click.argument("place", type=click.Path(path_type=Path))
@store_option
@json_option
def witness(place: Path, where: str | None, as_json: bool) -> None:
    """Note the signed head of the ledger at PLACE: a file that grows, or a git repository, where it is committed.

    Keep it where who can write the store cannot: `genwright audit verify --since PLACE` then tells whether the ledger
    was cut, put back or made anew.
    """
    with opened_sql(where) as store:
        store.database.settle()
        with store.database.reading() as connection:
            note = state(connection).note
    if note is None:
        raise UsageError(f"the ledger of {store.url} has no signed head yet. Open it for writing once.")
    file, head = note_head(place, note), Head.parse(Note.parse(note).text)
    facts = {"file": str(file), "origin": head.origin, "entries": head.size}
    tell(f"The head of {head.size:,} entries is noted in {file}.", as_json, **facts)
