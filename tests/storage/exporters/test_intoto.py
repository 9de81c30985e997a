from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import genwright as gw
from genwright.run import Run
from genwright.store import Store
from genwright_storage.exporters.intoto import PREDICATE, pre_authentication


@dataclass
class Key:
    """What a store signs with, as `genwright_storage.exporters.intoto.Signer` asks for it."""

    private: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    verifier: str = "example.org+1a2b3c4d+AbCd"

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data)


@pytest.fixture
def key(store: Store, monkeypatch: pytest.MonkeyPatch) -> Key:
    key = Key()
    monkeypatch.setattr(store, "signer", key, raising=False)
    return key


def envelopes(store: Store, path: Path) -> list[dict[str, Any]]:
    assert gw.export(path, store=store) == (5, True)
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def verify(envelope: dict[str, Any], key: Key) -> dict[str, Any]:
    """Return the statement in an envelope. Raises InvalidSignature."""
    payload = base64.b64decode(envelope["payload"])
    (signature,) = envelope["signatures"]
    # Written out, as another program would do it.
    kind = envelope["payloadType"].encode()
    signed = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    key.private.public_key().verify(base64.b64decode(signature["sig"]), signed)
    statement: dict[str, Any] = json.loads(payload)
    return statement


def test_what_is_signed_is_as_the_specification_has_it() -> None:
    """Source: the test vector of DSSE v1.0.2."""
    assert pre_authentication(b"hello world", "http://example.com/HelloWorld") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_every_statement_is_signed_and_of_its_sample(store: Store, run: Run, key: Key, tmp_path: Path) -> None:
    found = envelopes(store, tmp_path / "a.intoto.jsonl")
    for record, envelope in zip(store.samples(), found, strict=True):
        statement = verify(envelope, key)
        assert envelope["signatures"][0]["keyid"] == key.verifier
        assert (statement["_type"], statement["predicateType"]) == ("https://in-toto.io/Statement/v1", PREDICATE)
        digest = {"sha256": hashlib.sha256(record.payload).hexdigest()}
        assert statement["subject"] == [{"name": record.id, "digest": digest}]
        predicate = statement["predicate"]
        assert (predicate["run"], predicate["index"], predicate["seed"]) == (run.id, record.index, str(record.seed))
        assert predicate["model"] == {"name": run.model, "digest": {"genwrightCheckpoint": run.checkpoint}}
        assert predicate["data"] == {"name": "moses", "digest": {"sha256": "da" * 32}}
        assert predicate["environment"]["digest"]["sha256"] == run.environment.digest
        head = store.info()["head"]
        assert predicate["ledger"] == {"size": head["size"], "root": head["root"]}


def test_a_flipped_bit_of_a_statement_does_not_verify(store: Store, run: Run, key: Key, tmp_path: Path) -> None:
    envelope = envelopes(store, tmp_path / "a.intoto.jsonl")[0]
    payload = base64.b64decode(envelope["payload"])
    for place in range(0, len(payload), 7):
        flipped = payload[:place] + bytes([payload[place] ^ 1]) + payload[place + 1 :]
        with pytest.raises(InvalidSignature):
            verify(envelope | {"payload": base64.b64encode(flipped).decode()}, key)
    with pytest.raises(InvalidSignature):
        verify(envelope | {"payloadType": "text/plain"}, key)
    with pytest.raises(InvalidSignature):
        verify(envelope, Key())


def test_a_store_without_a_key_gives_bare_statements_and_says_so(store: Store, run: Run, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match=r"the statements are not signed: the store sqlite:///.* has no key"):
        found = envelopes(store, tmp_path / "a.intoto.jsonl")
    assert {statement["_type"] for statement in found} == {"https://in-toto.io/Statement/v1"}
