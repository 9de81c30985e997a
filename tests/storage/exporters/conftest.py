"""A store of samples of several kinds, whose model tells what it was made from."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from genwright.run import Run
from genwright.store import Store
from genwright.testing.stores import make_checkpoint, make_record, make_run
from genwright_storage.store import SQLStore

RECIPE = {"data": "moses", "data_sha256": "da" * 32, "start": "57" * 32}


def picture(kind: str) -> bytes:
    stream = io.BytesIO()
    Image.linear_gradient("L").resize((32, 32)).save(stream, kind)
    return stream.getvalue()


def sound() -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(bytes(range(256)) * 16)
    return stream.getvalue()


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys of these tests are kept apart from the user's."""
    for name in ("GENWRIGHT_C2PA_CERTIFICATE", "GENWRIGHT_C2PA_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path / "keys"))
    return tmp_path / "keys"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        yield store


@pytest.fixture
def run(store: Store) -> Run:
    """A finished run, of a PNG, a JPEG, a WAV, a SMILES and a text."""
    checkpoint = replace(make_checkpoint("ab" * 32), card=json.dumps({"recipe": RECIPE}))
    store.put_checkpoint(checkpoint)
    run = make_run(seed=2**64 - 1)
    store.put_run(run)
    store.put_samples(
        [
            make_record(run, 0, payload=picture("PNG"), media_type="image/png", seed=2**64 - 1),
            make_record(run, 1, payload=picture("JPEG"), media_type="image/jpeg"),
            make_record(run, 2, payload=sound(), media_type="audio/wav"),
            make_record(run, 3),
            make_record(run, 4, payload=b"../../etc/passwd", media_type="text/plain", flaw="it is no round."),
        ]
    )
    store.finish_run(run.id, "finished")
    return store.run(run.id)
