from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import c2pa
import numpy as np
import pytest

import genwright as gw
from genwright.memory import MemoryStore
from genwright.testing.stores import make_record, make_run
from genwright_audio.clip import Clip, digest
from genwright_audio.files import FORMATS, decoded, encoded, from_bytes, to_bytes
from genwright_audio.provenance import is_intact, signed
from tests.plugins.audio.conftest import Tones


@pytest.mark.parametrize("ending", FORMATS)
def test_a_file_names_its_sample_and_a_digest(tones: Tones, ending: str) -> None:
    (clip,) = tones(1, digit="3")
    found = decoded(io.BytesIO(encoded(signed(clip, sample="5f1c/17"), ending)))
    assert found.facts == {"digit": "3", "sample": "5f1c/17", "digest": digest(clip)}
    assert is_intact(found) is (ending in (".wav", ".flac"))


@pytest.mark.parametrize("ending", [".wav", ".flac"])
@pytest.mark.parametrize("level", [0.123456, 1.2, -0.0])
def test_a_waveform_that_is_not_in_steps_of_16_bits_is_intact_too(ending: str, level: float) -> None:
    clip = signed(Clip(wave=np.array([level, 0.5], np.float32), rate=8_000), sample="a/0")
    assert is_intact(decoded(io.BytesIO(encoded(clip, ending))))
    assert is_intact(from_bytes(to_bytes(clip)))


def test_a_store_keeps_both(tones: Tones) -> None:
    (clip,) = tones(1)
    assert is_intact(from_bytes(to_bytes(signed(clip, sample="a/0"))))
    assert clip.facts == {}


def test_another_waveform_under_the_same_name_is_found(tones: Tones) -> None:
    clip, other = tones(2)
    assert is_intact(clip) is None
    assert is_intact(replace(other, facts=signed(clip, sample="a/0").facts)) is False


def test_a_recorded_clip_is_exported_with_a_c2pa_manifest_in_a_wav(
    tones: Tones, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store keeps FLAC, in which such a manifest has no place."""
    for name in ("GENWRIGHT_C2PA_CERTIFICATE", "GENWRIGHT_C2PA_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path / "keys"))
    (clip,), run = tones(1, digit="3"), make_run(domain="audio")
    store = MemoryStore()
    store.put_run(run)
    store.put_samples([make_record(run, 0, payload=to_bytes(clip), media_type="audio/flac")])
    with pytest.warns(UserWarning, match=r"a certificate was made in"):
        gw.export(tmp_path / "out", format="c2pa", store=store)
    (file,) = (tmp_path / "out").iterdir()
    assert file.name == f"{run.id}-0.wav"
    with file.open("rb") as stream, c2pa.Reader("audio/wav", stream) as reader:
        told = json.loads(reader.json())
    assert told["manifests"][told["active_manifest"]]["title"] == f"{run.id}/0"
    failures = told["validation_results"]["activeManifest"]["failure"]
    assert {failure["code"] for failure in failures} == {"signingCredential.untrusted"}
    with file.open("rb") as stream:
        found = decoded(stream)
    assert is_intact(found)
    assert found.facts["sample"] == f"{run.id}/0"
