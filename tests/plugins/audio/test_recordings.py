from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from genwright.errors import DataError, OptionError
from genwright.seeds import Noise
from genwright_audio.recordings import check_length, origin, parts, track


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    wave = 0.3 * np.sin(np.arange(16_000) / 9)
    soundfile.write(tmp_path / "sine.wav", np.stack([wave] * 2, 1), 8000)
    return tmp_path / "sine.wav"


def test_recordings_follow_one_another_in_one_channel_at_one_rate(recording: Path) -> None:
    plain = track([recording, recording], 4000)
    assert len(plain) == 2 * (8000 + 400)
    assert plain[8000:8400].abs().max() == 0
    assert len(track([recording], 4000, speeds=3)) == pytest.approx(8000 * (1 + 1 / 0.84 + 1 / 1.19) + 1200, abs=3)


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("words")
    with pytest.raises(DataError, match=r"learned from recordings; .*text.wav is none: .* Leave it out."):
        track([tmp_path / "text.wav"], 8000)


def test_a_recording_with_what_is_no_number_is_refused(tmp_path: Path) -> None:
    wave = np.sin(np.arange(8000) / 9)
    wave[4000] = np.nan
    soundfile.write(tmp_path / "nan.wav", wave, 8000, "FLOAT")
    with pytest.raises(DataError, match=r"nan.wav is none: It has samples that are no numbers. Leave it out."):
        track([tmp_path / "nan.wav"], 8000)


def test_a_recording_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone.wav is none: .*No such file or directory.* Leave it out."):
        track([tmp_path / "gone.wav"], 8000)


@pytest.mark.parametrize("speeds", [0, 6])
def test_speeds_that_there_are_not_are_refused(recording: Path, speeds: int) -> None:
    with pytest.raises(OptionError, match=f"heard at 1 to 5 speeds; got {speeds}. Choose so many."):
        track([recording], 8000, speeds=speeds)


def test_too_little_is_refused() -> None:
    with pytest.raises(DataError, match=r"from more than 0.25 s of recordings; got 0.2 s. Give more files."):
        check_length(torch.zeros(1600), 2000, 8000)


def test_parts_are_of_all_places_and_quieter_or_louder() -> None:
    ramp = torch.arange(1000.0)
    found = parts(ramp, 10, Noise(1, torch.arange(256)), 3)
    steps = found.diff(dim=1)
    torch.testing.assert_close(steps, steps[:, :1].expand_as(steps), rtol=1e-3, atol=1e-3)
    assert 0.125 <= float(steps.min()) < 0.2
    assert 1.1 < float(steps.max()) <= 1.42
    first = found[:, 0] / steps[:, 0]
    assert float(first.min()) < 50
    assert float(first.max()) > 930
    assert not torch.equal(found, parts(ramp, 10, Noise(1, torch.arange(256)), 4))


def test_the_digest_of_recordings_is_that_of_the_files_in_their_order(recording: Path) -> None:
    other = recording.with_name("other.wav")
    soundfile.write(other, np.full(80, 0.1), 8000)
    wave = track([recording, other], 8000)
    told = origin([recording, other], 1, wave, 8000)
    assert (told["files"], told["speeds"], told["seconds"]) == (2, 1, 2.2)
    assert told == origin([recording, other], 1, wave, 8000)
    assert told["data"] != origin([other, recording], 1, wave, 8000)["data"]
