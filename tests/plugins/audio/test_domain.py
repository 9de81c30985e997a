from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genwright.errors import ConditionError
from genwright.testing.domains import check_domain
from genwright_audio.clip import Clip, digest
from genwright_audio.domain import Audio
from genwright_audio.readers import read
from tests.plugins.audio.conftest import Tones

DOMAIN = Audio()


@pytest.mark.parametrize("ending", ["", ".zip"])
def test_it_keeps_the_contract_of_domains(tones: Tones, ending: str) -> None:
    assert [c for c in check_domain(DOMAIN, tones(5, digit="3"), ending=ending) if c.trouble] == []


def test_seconds_are_measured(tones: Tones) -> None:
    clips = tones(3)
    assert DOMAIN.measure(clips, ["seconds"]).tolist() == [[clip.seconds] for clip in clips]
    assert DOMAIN.measure(clips, []).shape == (3, 0)
    with pytest.raises(ConditionError, match=r"of sounds only seconds are measured; got logP. Ask for seconds."):
        DOMAIN.measure(clips, ["logP"])


def test_loudness_is_traced(tones: Tones) -> None:
    clips = [*tones(2), Clip(wave=np.ones(9, np.float32), rate=9)]
    found = DOMAIN.trace(clips, "loudness")
    assert found[2] is None
    for clip, one in zip(clips[:2], found[:2], strict=True):
        assert one is not None
        assert len(one) == np.ceil(clip.seconds * 50)
        assert one == pytest.approx(-9, abs=1.5)
    with pytest.raises(ConditionError, match=r"of sounds only loudness is traced; got pitch. Ask for loudness."):
        DOMAIN.trace(clips, "pitch")


def test_clips_say_what_was_asked_for(tones: Tones) -> None:
    (clip,) = tones(1)
    said = DOMAIN.labelled(clip, {"digit": "3", "speaker": "theo", "seconds": 0.5})
    assert said.facts == {"digit": "3", "speaker": "theo"}
    assert [DOMAIN.describe([said], name) for name in ("digit", "kind")] == [["3"], [None]]
    assert clip.facts == {}


def test_an_export_says_where_each_clip_comes_from(tones: Tones, tmp_path: Path) -> None:
    clips = tones(2, digit="3")
    known = [{"id": f"run/{place}"} for place in range(2)]
    assert DOMAIN.export(zip(clips, known, strict=True), tmp_path / "clips.zip")
    found = list(read(tmp_path / "clips.zip"))
    assert [clip.facts["sample"] for clip in found] == ["run/0", "run/1"]
    assert [clip.facts["digest"] for clip in found] == [digest(clip) for clip in found]


def test_a_clip_names_its_sample(tones: Tones) -> None:
    (clip,) = tones(1, digit="3")
    assert DOMAIN.attributed(clip, sample="run/0").facts == {"digit": "3", "sample": "run/0"}


def test_spelling_and_key_are_of_the_samples_alone(tones: Tones) -> None:
    clip, other = tones(2)
    assert DOMAIN.canonical(clip) == DOMAIN.canonical(clip.saying(digit="3"))
    assert DOMAIN.canonical(clip) == f"8000 Hz {len(clip.wave)} {digest(clip)}"
    assert DOMAIN.identity(clip) == digest(clip)[:32] != DOMAIN.identity(other)


def test_the_title_is_the_file(tones: Tones) -> None:
    assert DOMAIN.title(tones(1)[0]) is None
    assert DOMAIN.title(Clip(wave=np.zeros(1, np.float32), rate=1, file="a\udcff.wav")) == "a\\udcff.wav"
