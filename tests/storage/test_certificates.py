from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from genwright.errors import DataError
from genwright_storage.certificates import given, own


def test_a_credential_is_made_once_and_its_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "keys"
    credential, is_new = own(folder)
    assert is_new
    assert own(folder) == (credential, False)
    assert sorted(path.name for path in folder.iterdir()) == ["authority.pem", "c2pa.pem"]
    assert stat.S_IMODE((folder / "c2pa.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "PRIVATE" not in (folder / "authority.pem").read_text()
    assert "PRIVATE" not in repr(credential)


def test_the_certificate_is_by_its_authority_whose_key_is_gone(tmp_path: Path) -> None:
    credential, _ = own(tmp_path)
    leaf, authority = x509.load_pem_x509_certificates(credential.chain)
    leaf.verify_directly_issued_by(authority)
    assert x509.load_pem_x509_certificate((tmp_path / "authority.pem").read_bytes()) == authority
    key = load_pem_private_key(credential.key, password=None)
    assert key.public_key() == leaf.public_key() != authority.public_key()
    assert (tmp_path / "c2pa.pem").read_text().count("PRIVATE KEY-----") == 2


def test_processes_that_make_one_at_once_get_the_same(tmp_path: Path) -> None:
    code = f"from pathlib import Path; from genwright_storage.certificates import own; own(Path({str(tmp_path)!r}))"
    for process in [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]:
        assert process.wait() == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["authority.pem", "c2pa.pem"]
    (authority,) = x509.load_pem_x509_certificates((tmp_path / "authority.pem").read_bytes())
    assert x509.load_pem_x509_certificates(own(tmp_path)[0].chain)[1] == authority


def pem(key: object) -> bytes:
    found: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[attr-defined]
    return found


def certificate(key: object) -> bytes:
    """Return a certificate by itself."""
    import datetime

    from cryptography.hazmat.primitives.hashes import SHA256

    name, now = x509.Name([]), datetime.datetime.now(datetime.UTC)
    begun = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now)  # type: ignore[attr-defined]
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return begun.sign(key, algorithm).public_bytes(Encoding.PEM)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP256R1()), "es256"),
        (ec.generate_private_key(ec.SECP384R1()), "es384"),
        (ec.generate_private_key(ec.SECP521R1()), "es512"),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
        (rsa.generate_private_key(65537, 2048), "ps256"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_algorithm_is_that_of_the_key(tmp_path: Path, key: object, algorithm: str) -> None:
    (tmp_path / "key").write_bytes(pem(key))
    (tmp_path / "chain").write_bytes(certificate(key))
    assert given(tmp_path / "chain", tmp_path / "key").algorithm == algorithm


def test_files_that_are_none_are_named_with_the_reason(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "key").write_bytes(pem(key))
    (tmp_path / "chain").write_bytes(certificate(ec.generate_private_key(ec.SECP256R1())))
    (tmp_path / "text").write_text("hello")
    (tmp_path / "odd").write_bytes(pem(x25519.X25519PrivateKey.generate()))
    for chain, private, reason in (
        ("chain", "key", "the key is not that of the first certificate"),
        ("text", "key", ".*"),
        ("chain", "text", ".*"),
        ("absent", "key", "No such file or directory"),
        ("chain", "odd", "the key is not that"),
    ):
        with pytest.raises(DataError, match=rf"in PEM; .*{chain} and .*{private} are none: {reason}.* Name others\."):
            given(tmp_path / chain, tmp_path / private)


def test_a_key_on_another_curve_is_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256K1())
    (tmp_path / "both").write_bytes(pem(key) + certificate(key))
    with pytest.raises(DataError, match=r"the key should be of P-256, P-384, P-521, Ed25519 or RSA"):
        given(tmp_path / "both", tmp_path / "both")
