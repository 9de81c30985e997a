from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import c2pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from PIL import Image

import genwright as gw
from genwright.errors import DataError, OptionError, PluginError, UsageError
from genwright.run import Run
from genwright.store import Store
from genwright.testing.stores import make_record
from genwright_storage import certificates
from genwright_storage.exporters.c2pa import ASSERTION
from genwright_storage.exporters.intoto import pre_authentication
from genwright_storage.store import SQLStore

KINDS = {0: ("png", "image/png"), 1: ("jpg", "image/jpeg"), 2: ("wav", "audio/wav")}
UNTRUSTED = "signingCredential.untrusted"


@pytest.fixture(autouse=True)
def certificate(keys: Path) -> None:
    """One is there already, so that nothing is warned of."""
    certificates.own(keys)


@pytest.fixture
def folder(store: Store, run: Run, tmp_path: Path) -> Path:
    assert gw.export(tmp_path / "out", format="c2pa", store=store) == (5, True)
    return tmp_path / "out"


def read(content: bytes, kind: str, context: Any = None) -> tuple[dict[str, Any], set[str], str]:
    """Return the manifest in a file, what is wrong with it, and the state that it is in."""
    with c2pa.Reader(kind, io.BytesIO(content), context=context) as reader:
        found = json.loads(reader.json())
        failures = found["validation_results"]["activeManifest"]["failure"]
        manifest: dict[str, Any] = found["manifests"][found["active_manifest"]]
        return manifest, {failure["code"] for failure in failures}, reader.get_validation_state()


def test_files_are_called_by_run_and_index_alone(folder: Path, run: Run) -> None:
    wanted = ["0.png", "1.jpg", "2.wav", "3.smi", "3.intoto.json", "4.txt", "4.intoto.json"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{run.id}-{name}" for name in wanted)


@pytest.mark.parametrize("index", KINDS)
def test_a_manifest_says_that_a_model_made_it_and_which(store: Store, run: Run, folder: Path, index: int) -> None:
    ending, kind = KINDS[index]
    manifest, failures, _ = read((folder / f"{run.id}-{index}.{ending}").read_bytes(), kind)
    # The state alone would be Valid, whoever signed.
    assert failures == {UNTRUSTED}
    told = {assertion["label"]: assertion["data"] for assertion in manifest["assertions"]}
    (action,) = told["c2pa.actions.v2"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert action["softwareAgent"]["name"] == "Genwright"
    assert action["softwareAgent"]["version"]
    sample, record = told[ASSERTION], store.sample(f"{run.id}/{index}")
    assert (sample["id"], sample["seed"], sample["checkpoint"]) == (record.id, str(record.seed), run.checkpoint)
    assert sample["data"] == "da" * 32
    assert manifest["title"] == record.id


def test_a_reader_that_is_given_the_authority_trusts_the_manifest(run: Run, folder: Path, keys: Path) -> None:
    authority = (keys / "authority.pem").read_text()
    settings = c2pa.Settings.from_dict({"trust": {"user_anchors": authority}, "verify": {"verify_trust": True}})
    content = (folder / f"{run.id}-0.png").read_bytes()
    assert read(content, "image/png", c2pa.Context(settings))[1:] == (set(), "Trusted")


@pytest.mark.parametrize("index", [0, 1])
def test_a_flipped_byte_of_the_content_is_found(run: Run, folder: Path, index: int) -> None:
    ending, kind = KINDS[index]
    content = bytearray((folder / f"{run.id}-{index}.{ending}").read_bytes())
    content[-30] ^= 1
    _, failures, state = read(bytes(content), kind)
    assert (failures, state) == ({UNTRUSTED, "assertion.dataHash.mismatch"}, "Invalid")


def test_a_flipped_byte_of_a_sound_is_found(run: Run, folder: Path) -> None:
    """Its manifest is behind what is heard."""
    content = bytearray((folder / f"{run.id}-2.wav").read_bytes())
    content[100] ^= 1
    _, failures, state = read(bytes(content), "audio/wav")
    assert (failures, state) == ({UNTRUSTED, "assertion.dataHash.mismatch"}, "Invalid")


def test_a_picture_that_is_saved_anew_has_no_manifest(run: Run, folder: Path) -> None:
    again = io.BytesIO()
    Image.open(folder / f"{run.id}-0.png").save(again, "PNG")
    with pytest.raises(c2pa.C2paError, match="ManifestNotFound"):
        c2pa.Reader("image/png", io.BytesIO(again.getvalue()))


def test_what_is_seen_and_heard_stays_as_it_was(store: Store, run: Run, folder: Path) -> None:
    before = Image.open(io.BytesIO(store.sample(f"{run.id}/0").payload))
    assert Image.open(folder / f"{run.id}-0.png").tobytes() == before.tobytes()


def test_what_has_no_room_for_a_manifest_has_a_signed_statement_beside(store: SQLStore, run: Run, folder: Path) -> None:
    assert store.signer is not None
    key = Ed25519PublicKey.from_public_bytes(store.signer.verifier.public)
    for index, ending in ((3, "smi"), (4, "txt")):
        record = store.sample(f"{run.id}/{index}")
        assert (folder / f"{run.id}-{index}.{ending}").read_bytes() == record.payload
        envelope = json.loads((folder / f"{run.id}-{index}.intoto.json").read_text())
        payload = base64.b64decode(envelope["payload"])
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        key.verify(signature, pre_authentication(payload))
        assert json.loads(payload)["subject"][0]["name"] == record.id


def test_a_certificate_that_is_made_is_told_of_once(store: Store, run: Run, tmp_path: Path, keys: Path) -> None:
    (keys / "c2pa.pem").unlink()
    with pytest.warns(UserWarning, match=r"a certificate was made in .*keys; those who are to trust it need authority"):
        gw.export(tmp_path / "a", format="c2pa", store=store)
    gw.export(tmp_path / "b", format="c2pa", store=store)


@pytest.mark.parametrize("by", ["options", "environment"])
def test_a_certificate_that_is_named_is_the_one_that_signs(
    store: Store, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    certificates.own(tmp_path / "mine")
    mine = str(tmp_path / "mine" / "c2pa.pem")
    options = {"certificate": mine, "key": mine} if by == "options" else {}
    if by == "environment":
        monkeypatch.setenv("GENWRIGHT_C2PA_CERTIFICATE", mine)
        monkeypatch.setenv("GENWRIGHT_C2PA_KEY", mine)
    gw.export(tmp_path / "a", format="c2pa", options=options, store=store, limit=1)
    authority = (tmp_path / "mine" / "authority.pem").read_text()
    settings = c2pa.Settings.from_dict({"trust": {"user_anchors": authority}, "verify": {"verify_trust": True}})
    content = (tmp_path / "a" / f"{run.id}-0.png").read_bytes()
    assert read(content, "image/png", c2pa.Context(settings))[1] == set()


def test_a_certificate_without_its_key_is_a_wrong_call(store: Store, run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"with a certificate and its key; got one of them\. Name both"):
        gw.export(tmp_path / "a", format="c2pa", options={"key": "x"}, store=store)
    with pytest.raises(OptionError, match=r"exporter 'c2pa' has no option 'keys'\. Did you mean 'key'"):
        gw.export(tmp_path / "a", format="c2pa", options={"keys": "x"}, store=store)
    assert not (tmp_path / "a").exists()


def test_a_payload_that_is_not_what_it_says_is_named_and_no_folder_is_left(
    store: Store, run: Run, tmp_path: Path
) -> None:
    store.put_samples([make_record(run, 5, payload=b"nonsense", media_type="image/png")])
    with pytest.raises(DataError, match=rf"sample {run.id}/5 should be image/png; no manifest can be put in it: "):
        gw.export(tmp_path / "a", format="c2pa", store=store)
    assert not (tmp_path / "a").exists()


def test_without_the_library_the_extra_is_named(
    store: Store, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    monkeypatch.delitem(sys.modules, "genwright_storage.exporters.c2pa", raising=False)
    with pytest.raises(PluginError, match=r"Install what it needs: pip install 'genwright-storage\[c2pa\]'"):
        gw.export(tmp_path / "a", format="c2pa", store=store)
