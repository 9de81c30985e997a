import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.testing.stores import make_record, make_run
from genwright_storage.keys import KeyRing
from genwright_storage.store import SQLStore

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path / "keys"))
    url = f"sqlite:///{tmp_path / 'store'}"
    with closing(SQLStore(url, origin="example.org/log")) as store:
        run = make_run(id="a" * 32)
        store.put_run(run)
        store.put_samples([make_record(run, index, prompt="a personal text") for index in range(5)])
    return url


def proven(url: str, folder: Path, capsys: Capture) -> Path:
    assert main(["audit", "prove", "LAST/3", "--store", url, "-o", str(folder / "proof")]) == 0
    assert capsys.readouterr().out == f"{folder / 'proof'}\n"
    return folder / "proof"


def test_a_proof_is_checked_with_the_keys_known_here(url: str, tmp_path: Path, capsys: Capture) -> None:
    proof = proven(url, tmp_path, capsys)
    assert "personal" not in proof.read_text(encoding="utf-8")
    with closing(SQLStore(url)) as store:
        (tmp_path / "item").write_bytes(store.sample("LAST/3").payload)
    assert main(["audit", "verify-proof", str(proof), "--payload", str(tmp_path / "item")]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{'a' * 32}/3 is in the ledger example.org/log of 3 entries."
    assert re.fullmatch("sha256 [0-9a-f]{64}", out[1])


def test_a_proof_is_checked_on_another_machine_by_the_public_key_alone(
    url: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = proven(url, tmp_path, capsys)
    assert main(["store", "keys", "--store", url]) == 0
    key = capsys.readouterr().out.strip()
    (tmp_path / "store").unlink()
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path / "none"))
    assert main(["audit", "verify-proof", str(proof)]) == 2
    assert "checked with the public key of its ledger, example.org/log; none is known here" in capsys.readouterr().err
    (tmp_path / "keys.pub").write_text(f"{key}\n")
    for given in (key, str(tmp_path / "keys.pub")):
        assert main(["audit", "verify-proof", str(proof), "--key", given]) == 0
    other = str(KeyRing(tmp_path / "other").create("example.org/log").verifier)
    assert main(["audit", "verify-proof", str(proof), "--key", other]) == 1
    assert "none is by a known key of that log" in capsys.readouterr().err


def test_a_proof_of_another_payload_is_refused(url: str, tmp_path: Path, capsys: Capture) -> None:
    proof = proven(url, tmp_path, capsys)
    (tmp_path / "item").write_bytes(b"CCN")
    assert main(["audit", "verify-proof", str(proof), "--payload", str(tmp_path / "item")]) == 1
    assert re.search(r"the proof is of a sample with the SHA-256 \w{64}; .*item has another", capsys.readouterr().err)


def test_a_file_that_is_no_proof_is_refused(url: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (1 << 20) + b"x")
    for name, message in (("bytes", "should be text; it is not"), ("large", "a proof has at most 1 MiB; .* 1,048,577")):
        assert main(["audit", "verify-proof", str(tmp_path / name)]) == 1
        assert re.search(message, capsys.readouterr().err)


def test_a_proof_replaces_no_file(url: str, tmp_path: Path, capsys: Capture) -> None:
    proof = proven(url, tmp_path, capsys)
    assert main(["audit", "prove", "LAST/3", "--store", url, "-o", str(proof)]) == 1
    assert "a proof is written to a new file; " in capsys.readouterr().err


def test_a_store_that_is_not_in_sql_proves_nothing(install: object, capsys: Capture) -> None:
    assert main(["audit", "prove", "LAST/3", "--store", "memory:"]) == 2
    assert "this command needs a store in SQL; got memory:. Name another with --store" in capsys.readouterr().err


def test_a_witness_shows_that_an_old_file_was_put_back(url: str, tmp_path: Path, capsys: Capture) -> None:
    old = (tmp_path / "store").read_bytes()
    with closing(SQLStore(url)) as store:
        store.put_samples([make_record(store.run("LAST"), 9)])
    assert main(["audit", "witness", str(tmp_path / "heads"), "--store", url]) == 0
    assert "The head of 4 entries is noted in" in capsys.readouterr().err
    assert main(["audit", "verify", "--since", str(tmp_path / "heads"), "--store", url]) == 0
    assert f"It has grown from the head noted in {tmp_path / 'heads'}." in capsys.readouterr().err
    (tmp_path / "store").write_bytes(old)
    assert main(["audit", "verify", "--store", url]) == 0
    assert main(["audit", "verify", "--since", str(tmp_path / "heads"), "--store", url]) == 1
    assert "of 4 entries, of which 3 are there: the ledger was cut or put back" in capsys.readouterr().out


def test_heads_that_are_not_there_are_told(url: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "folder").mkdir()
    for place, message in (("nowhere", "it cannot be read"), ("folder", "in files that end in .heads; it has none")):
        assert main(["audit", "verify", "--since", str(tmp_path / place), "--store", url]) == 1
        assert message in capsys.readouterr().err


def test_checking_a_proof_needs_neither_plugins_nor_torch(url: str, tmp_path: Path, capsys: Capture) -> None:
    proof = proven(url, tmp_path, capsys)
    code = (
        "import sys; from genwright.cli import main; "
        f"code = main(['audit', 'verify-proof', {str(proof)!r}]); "
        "print(code, sorted({'torch', 'rdkit', 'PIL'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert out.stdout.splitlines()[-1] == "0 []", out.stderr


def test_what_is_proved_checked_and_noted_is_told_as_json(url: str, tmp_path: Path, capsys: Capture) -> None:
    proof, heads, sample = tmp_path / "proof", tmp_path / "heads", f"{'a' * 32}/3"
    assert main(["audit", "prove", "LAST/3", "-o", str(proof), "--store", url, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sample": sample, "file": str(proof)}
    with closing(SQLStore(url)) as store:
        digest = hashlib.sha256(store.sample(sample).payload).hexdigest()
    head = {"origin": "example.org/log", "entries": 3}
    assert main(["audit", "verify-proof", str(proof), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sample": sample, "sha256": digest, **head}
    assert main(["audit", "witness", str(heads), "--store", url, "--json"]) == 0
    out, err = capsys.readouterr()
    assert (json.loads(out), err) == ({"file": str(heads), **head}, f"The head of 3 entries is noted in {heads}.\n")


def test_a_file_of_keys_is_trusted_by_both_that_check(url: str, tmp_path: Path, capsys: Capture) -> None:
    proof = proven(url, tmp_path, capsys)
    keys = tmp_path / "keys.pub"
    keys.write_text(f"{KeyRing(tmp_path / 'other').create('example.org/log').verifier}\n")
    for command in (["verify-proof", str(proof)], ["verify", "--store", url]):
        assert main(["audit", *command, "--key", str(keys)]) == 1
        assert main(["audit", *command, "--key", str(tmp_path / "none")]) == 2
        assert "which is no file that is there. Print the keys of a store with: genwright" in capsys.readouterr().err
    keys.write_text(f"{keys.read_text()}\n{KeyRing().trusted('example.org/log')[0]}\n")
    for command in (["verify-proof", str(proof)], ["verify", "--store", url]):
        assert main(["audit", *command, "--key", str(keys)]) == 0
