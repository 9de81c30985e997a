from __future__ import annotations

from pathlib import Path

import pytest

from genwright.errors import DataError
from genwright_audio.readers import read
from genwright_audio.writers import write
from tests.plugins.audio.conftest import Tones


@pytest.mark.parametrize("ending", [".wav", ".flac"])
def test_one_clip_is_written_to_a_file(tones: Tones, tmp_path: Path, ending: str) -> None:
    (clip,) = tones(1, digit="3")
    write([clip], tmp_path / f"a{ending}")
    assert list(read(tmp_path / f"a{ending}")) == [clip]


@pytest.mark.parametrize("name", ["clips", "clips.zip"])
def test_several_are_written_to_a_folder_or_an_archive(tones: Tones, tmp_path: Path, name: str) -> None:
    clips = tones(3, kind="tone")
    write(clips, tmp_path / name)
    assert list(read(tmp_path / name)) == clips


@pytest.mark.parametrize("count", [0, 2])
def test_a_file_holds_one_sound(tones: Tones, tmp_path: Path, count: int) -> None:
    with pytest.raises(DataError, match=r"a .wav file holds one sound; got (several|none) for 'a.wav'. Name a folder"):
        write(tones(count), tmp_path / "a.wav")
    assert not (tmp_path / "a.wav").exists()


def test_other_endings_and_files_that_exist_are_refused(tones: Tones, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"sounds are written to .wav, .flac, .ogg, .mp3, a .zip or a folder"):
        write(tones(1), tmp_path / "a.txt")
    (tmp_path / "a.wav").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"exists"):
        write(tones(1), tmp_path / "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == b"mine"
