"""The certificate that C2PA manifests are signed with: the user's, or one made here once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from genwright.errors import DataError

__all__ = ["Credential", "given", "own"]

_YEARS = timedelta(days=3650)
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


@final
@dataclass(frozen=True, kw_only=True)
class Credential:
    """A chain of certificates and the private key of the first, in PEM.

    algorithm: of the key, as C2PA names it: "es256"
    """

    chain: bytes
    key: bytes = field(repr=False)
    algorithm: str


def given(chain: Path, key: Path) -> Credential:
    """Return the credential in two files. Raises DataError if they cannot be read or do not belong together."""
    try:
        return _credential(chain.read_bytes(), key.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"a manifest is signed with a chain of certificates and the key of the first, in PEM; {chain} and {key} "
            f"are none: {reason}. Name others."
        ) from error


def own(folder: Path) -> tuple[Credential, bool]:
    """Return the credential kept in a folder, made at the first call, and whether it was made now.

    It is a certificate by an authority of its own, which nobody knows: authority.pem beside it is to be given to those
    who are to trust it. The key of the authority is not kept, so that it can never sign another.
    """
    path = folder / "c2pa.pem"
    is_new = not path.exists()
    if is_new:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = _keep(path, *_made())
    return given(path, path), is_new


def _credential(chain: bytes, key: bytes) -> Credential:
    certificates = x509.load_pem_x509_certificates(chain)
    private = load_pem_private_key(key, password=None)
    if private.public_key() != certificates[0].public_key():
        raise ValueError("the key is not that of the first certificate")
    plain = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Credential(chain=b"".join(map(_pem, certificates)), key=plain, algorithm=_algorithm(private))


def _algorithm(key: Any) -> str:
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "ps256"
    raise ValueError("the key should be of P-256, P-384, P-521, Ed25519 or RSA")


def _keep(path: Path, secret: bytes, authority: bytes) -> bool:
    """Write the credential where none is yet, whole and readable by its owner alone; return whether none was there."""
    handle, name = tempfile.mkstemp(dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secret)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(name, path)
        except FileExistsError:
            return False
        (path.parent / "authority.pem").write_bytes(authority)
        return True
    finally:
        os.unlink(name)


def _made() -> tuple[bytes, bytes]:
    """Return a new key with its chain, and the certificate of its authority."""
    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _name("Genwright authority of this machine"), _name("Genwright samples of this machine")
    authority = (
        _begun(issuer, issuer, root.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        .sign(root, SHA256())
    )
    certificate = (
        _begun(subject, issuer, leaf.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage("digital_signature"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root.public_key()), critical=False)
        .sign(root, SHA256())
    )
    key = leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return key + _pem(certificate) + _pem(authority), _pem(authority)


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _YEARS)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*allowed: str) -> x509.KeyUsage:
    make: Callable[..., x509.KeyUsage] = x509.KeyUsage
    return make(**{name: name in allowed for name in _USAGES})


def _name(common: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Genwright")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)
