from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import genwright as gw
from genwright.run import Run
from genwright_storage.exporters.intoto import PREDICATE, pre_authentication
from genwright_storage.notes import SigningKey, VerifierKey
from genwright_storage.store import SQLStore


@pytest.fixture
def key(store: SQLStore) -> VerifierKey:
    assert store.signer is not None
    return store.signer.verifier


def envelopes(store: SQLStore, path: Path) -> list[dict[str, Any]]:
    assert gw.export(path, store=store) == (5, True)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def verify(envelope: dict[str, Any], key: VerifierKey) -> dict[str, Any]:
    """Return the statement in an envelope. Raises InvalidSignature."""
    payload = base64.b64decode(envelope["payload"])
    (signature,) = envelope["signatures"]
    # Written out, as another program would do it.
    kind = envelope["payloadType"].encode()
    signed = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    Ed25519PublicKey.from_public_bytes(key.public).verify(base64.b64decode(signature["sig"]), signed)
    statement: dict[str, Any] = json.loads(payload)
    return statement


def test_what_is_signed_is_as_the_specification_has_it() -> None:
    """Source: the test vector of DSSE v1.0.2."""
    assert pre_authentication(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_every_statement_is_signed_and_of_its_sample(
    store: SQLStore, run: Run, key: VerifierKey, tmp_path: Path
) -> None:
    found = envelopes(store, tmp_path / "a.intoto.jsonl")
    for record, envelope in zip(store.samples(), found, strict=True):
        statement = verify(envelope, key)
        assert envelope["signatures"][0]["keyid"] == str(key)
        assert (statement["_type"], statement["predicateType"]) == ("https://in-toto.io/Statement/v1", PREDICATE)
        digest = {"sha256": hashlib.sha256(record.payload).hexdigest()}
        assert statement["subject"] == [{"name": record.id, "digest": digest}]
        predicate = statement["predicate"]
        assert (predicate["run"], predicate["index"], predicate["seed"]) == (run.id, record.index, str(record.seed))
        assert predicate["model"] == {"name": run.model, "digest": {"genwrightCheckpoint": run.checkpoint}}
        assert predicate["data"] == {"name": "moses", "digest": {"sha256": "da" * 32}}
        assert predicate["environment"]["digest"]["sha256"] == run.environment.digest
        head = store.info()["head"]
        assert predicate["ledger"] == {name: head[name] for name in ("origin", "size", "root")}
        assert predicate["ledger"]["origin"] == key.name


def test_a_flipped_bit_of_a_statement_does_not_verify(
    store: SQLStore, run: Run, key: VerifierKey, tmp_path: Path
) -> None:
    envelope = envelopes(store, tmp_path / "a.intoto.jsonl")[0]
    payload = base64.b64decode(envelope["payload"])
    for place in range(0, len(payload), 7):
        flipped = payload[:place] + bytes([payload[place] ^ 1]) + payload[place + 1 :]
        with pytest.raises(InvalidSignature):
            verify(envelope | {"payload": base64.b64encode(flipped).decode()}, key)
    with pytest.raises(InvalidSignature):
        verify(envelope | {"payloadType": "text/plain"}, key)
    with pytest.raises(InvalidSignature):
        verify(envelope, SigningKey.generate("another").verifier)


def test_without_the_key_statements_are_bare_and_a_warning_says_so(
    store: SQLStore, run: Run, keys: Path, tmp_path: Path
) -> None:
    for path in keys.glob("*.pem"):
        path.unlink()
    with pytest.warns(UserWarning, match=r"the statements are not signed: the key of sqlite:///.* is not here"):
        found = envelopes(store, tmp_path / "a.intoto.jsonl")
    assert {statement["_type"] for statement in found} == {"https://in-toto.io/Statement/v1"}
