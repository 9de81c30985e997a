"""Samples as in-toto statements, signed where the store has a key.

Source: in-toto Attestation Framework, Statement v1; DSSE v1.0.2.
"""

from __future__ import annotations

import base64
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from genwright.exporters.row import Origin
from genwright.files import write_lines
from genwright.run import Run
from genwright.store import Record, Store
from genwright_storage.exporters.ancestry import Ancestry, with_ancestry
from genwright_storage.exporters.moment import moment

__all__ = ["PREDICATE", "Attest", "Signer", "attestor", "pre_authentication", "write"]

PREDICATE = "https://genwright.dev/sample/v1"
"""What statements say of a sample, as docs/reference/attestations.md explains it."""
_PAYLOAD = "application/vnd.in-toto+json"


Attest = Callable[[Record, Run, Ancestry], str]


class Signer(Protocol):
    """A private key of Ed25519."""

    @property
    def verifier(self) -> object:
        """The public key; its text names it."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes."""


def write(samples: Iterator[Origin], path: Path, *, store: Store) -> None:
    """Write a statement a line to a new file, each in an envelope with its signature; bare if the store has no key."""
    attest = attestor(store)
    write_lines(path, (f"{attest(*sample)}\n" for sample in with_ancestry(samples, store)))


def attestor(store: Store) -> Attest:
    """Return what makes statements of a store's samples, each a line of JSON."""
    signer: Signer | None = getattr(store, "signer", None)
    head = store.info()["head"]
    if signer is None:
        warnings.warn(f"the statements are not signed: the key of {store.url} is not here", stacklevel=2)

    def attest(record: Record, run: Run, ancestry: Ancestry) -> str:
        statement = json.dumps(_statement(record, run, ancestry, head), ensure_ascii=False)
        return statement if signer is None else json.dumps(_envelope(statement.encode(), signer))

    return attest


def pre_authentication(payload: bytes, kind: str = _PAYLOAD) -> bytes:
    """Return what an envelope's signature is over: the PAE of DSSE."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


def _envelope(payload: bytes, signer: Signer) -> Mapping[str, Any]:
    signature = {"keyid": str(signer.verifier), "sig": _base64(signer.sign(pre_authentication(payload)))}
    return {"payload": _base64(payload), "payloadType": _PAYLOAD, "signatures": [signature]}


def _statement(record: Record, run: Run, ancestry: Ancestry, head: Mapping[str, Any]) -> Mapping[str, Any]:
    digest = hashlib.sha256(record.payload).hexdigest()
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": record.id, "digest": {"sha256": digest}}],
        "predicateType": PREDICATE,
        "predicate": {
            "run": run.id,
            "index": record.index,
            # As a number, readers in other languages would round it.
            "seed": str(record.seed),
            "mediaType": record.media_type,
            "domain": run.domain,
            "flaw": record.flaw,
            "identity": record.identity,
            "model": {"name": run.model, "digest": {"genwrightCheckpoint": run.checkpoint}},
            "data": {"name": ancestry.data, "digest": {"sha256": ancestry.data_sha256}},
            "environment": {"digest": {"sha256": run.environment.digest}},
            "startedOn": moment(run.started).isoformat(),
            "ledger": {name: head[name] for name in ("origin", "size", "root") if name in head},
        },
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
