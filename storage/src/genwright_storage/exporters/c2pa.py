"""Samples as files that say themselves where they come from: by a C2PA manifest in them, or a statement beside them.

Source: C2PA Technical Specification 2.2, actions and digital source types.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import c2pa  # type: ignore[import-untyped]

from genwright.domain import Domain
from genwright.errors import DataError, UsageError
from genwright.exporters.row import Origin
from genwright.options import make
from genwright.registry import registry
from genwright.run import Run
from genwright.store import Record, Store, is_text
from genwright_storage import certificates
from genwright_storage.exporters.ancestry import Ancestry, with_ancestry
from genwright_storage.exporters.intoto import Attest, attestor
from genwright_storage.keys import keys_folder

__all__ = ["ASSERTION", "write"]

ASSERTION = "dev.genwright.sample"
"""The assertion that tells of the sample."""
_CREATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_EMBEDDED = {"image/png": ".png", "image/jpeg": ".jpg", "audio/wav": ".wav", "audio/x-wav": ".wav"}
_OTHERS = {"chemical/x-daylight-smiles": ".smi", "application/json": ".json"}


def write(samples: Iterator[Origin], path: Path, *, store: Store, certificate: str = "", key: str = "") -> None:
    """Write a file a sample to a new folder: PNG, JPEG and WAV with a manifest inside, others with a statement beside.

    What is on record in a kind without room for a manifest is written anew in one that has, where its domain can.

    certificate: a file with the chain of certificates to sign with, in PEM; $GENWRIGHT_C2PA_CERTIFICATE if not given,
                 else one that is made here, which nobody trusts unless told to
    key:         a file with the private key of its first, in PEM; $GENWRIGHT_C2PA_KEY if not given
    """
    files = _files(certificate, key)
    signer: Any = None
    attest: Attest | None = None
    path.mkdir()
    for record, run, ancestry in with_ancestry(samples, store):
        # From the run and the index alone, so that nothing that was generated can lead elsewhere.
        name = f"{run.id}-{record.index}"
        if (carried := _carried(record, run)) is not None:
            kind, content = carried
            signer = signer or _signer(files)
            manifest = _manifest(record, run, ancestry, kind)
            (path / f"{name}{_EMBEDDED[kind]}").write_bytes(_embedded(record, kind, content, manifest, signer))
        else:
            attest = attest or attestor(store)
            (path / f"{name}{_ending(record)}").write_bytes(record.payload)
            (path / f"{name}.intoto.json").write_text(f"{attest(record, run, ancestry)}\n", encoding="utf-8")


def _files(certificate: str, key: str) -> tuple[Path, Path] | None:
    """Return the files of the certificate and the key that are to sign; None for those made here."""
    certificate = certificate or os.environ.get("GENWRIGHT_C2PA_CERTIFICATE", "")
    key = key or os.environ.get("GENWRIGHT_C2PA_KEY", "")
    if bool(certificate) != bool(key):
        raise UsageError(
            "a manifest is signed with a certificate and its key; got one of them. Name both: in the options "
            "certificate and key, or in GENWRIGHT_C2PA_CERTIFICATE and GENWRIGHT_C2PA_KEY."
        )
    return (Path(certificate), Path(key)) if certificate else None


def _signer(files: tuple[Path, Path] | None) -> Any:
    if files is not None:
        credential = certificates.given(*files)
    else:
        folder = keys_folder()
        credential, is_new = certificates.own(folder)
        if is_new:
            trusting = "those who are to trust it need authority.pem there"
            warnings.warn(f"a certificate was made in {folder}; {trusting}", stacklevel=3)
    try:
        return c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(credential.algorithm.encode(), credential.chain, credential.key, None)
        )
    except c2pa.C2paError as error:
        raise DataError(f"this certificate cannot sign a C2PA manifest: {error}. Name another.") from error


def _carried(record: Record, run: Run) -> tuple[str, bytes] | None:
    """Return the kind and the content of the file that a manifest is put in, or None if there is none."""
    if record.media_type in _EMBEDDED:
        return record.media_type, record.payload
    if record.flaw is not None or not any(spec.name == run.domain for spec in registry().specs("domain")):
        return None
    domain: Domain[object] = make(registry().get("domain", run.domain), {})
    kinds = [kind for kind, ending in _EMBEDDED.items() if ending == domain.carrier]
    if not kinds:
        return None
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"sample{domain.carrier}"
        domain.export([(domain.from_bytes(record.payload), {"id": record.id})], file)
        return kinds[0], file.read_bytes()


def _embedded(record: Record, kind: str, content: bytes, manifest: Mapping[str, Any], signer: Any) -> bytes:
    signed = io.BytesIO()
    # A picture of the picture would be larger than most of what is generated.
    settings = c2pa.Settings.from_dict({"builder": {"thumbnail": {"enabled": False}}})
    try:
        with c2pa.Builder.from_json(json.dumps(manifest), context=c2pa.Context(settings)) as builder:
            builder.sign(signer, kind, io.BytesIO(content), signed)
    except c2pa.C2paError as error:
        raise DataError(
            f"sample {record.id} should be {kind}; no manifest can be put in it: {error}. Leave it out."
        ) from error
    return signed.getvalue()


def _manifest(record: Record, run: Run, ancestry: Ancestry, kind: str) -> Mapping[str, Any]:
    software = {"name": "Genwright", "version": registry().plugins[0].version}
    action = {"action": "c2pa.created", "digitalSourceType": _CREATED, "softwareAgent": software}
    sample = {
        "id": record.id,
        "run": run.id,
        "index": record.index,
        # As a number, readers in other languages would round it.
        "seed": str(record.seed),
        "sha256": hashlib.sha256(record.payload).hexdigest(),
        "domain": run.domain,
        "model": run.model,
        "checkpoint": run.checkpoint,
        "data": ancestry.data_sha256,
    }
    return {
        "title": record.id,
        "format": kind,
        "claim_generator_info": [software],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [action]}},
            {"label": ASSERTION, "data": sample},
        ],
    }


def _ending(record: Record) -> str:
    return _OTHERS.get(record.media_type) or (".txt" if is_text(record.media_type) else ".bin")
