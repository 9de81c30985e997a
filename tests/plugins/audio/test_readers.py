from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from genwright.errors import DataError
from genwright.tally import Unreadable
from genwright_audio.readers import read
from genwright_audio.spoken import read_test, read_train


def sound(path: Path, level: float = 0.5, *, rate: int = 8_000, count: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(count, level), rate)


def test_a_manifest_says_what_clips_are_of(tmp_path: Path) -> None:
    for name in ("a.wav", "b.flac", "c.wav"):
        sound(tmp_path / "set" / name)
    rows = "file,digit,family,transcript,take\na.wav,3,,one two,1\nb,,snare,,2\n"
    (tmp_path / "set" / "manifest.csv").write_text(rows, encoding="utf-8-sig")
    assert [(clip.file, clip.facts) for clip in read(tmp_path)] == [
        ("set/a.wav", {"digit": "3", "text": "one two"}),
        ("set/b.flac", {"kind": "snare"}),
        ("set/c.wav", {}),
    ]


def test_splits_are_read_apart_and_digits_say_their_word(tmp_path: Path) -> None:
    for name in "abc":
        sound(tmp_path / f"{name}.wav")
    (tmp_path / "manifest.csv").write_text("file,digit,split\na.wav,0,test\nb.wav,7,train\nc.wav,,train\n")
    assert [clip.facts for clip in read_train(tmp_path)] == [{"digit": "7", "text": "seven"}, {}]
    assert [clip.facts["text"] for clip in read_test(tmp_path)] == ["zero"]


def test_one_bad_file_in_a_thousand_is_named_and_passed_over(tmp_path: Path) -> None:
    sound(tmp_path / "0000.wav", count=3)
    for place in range(1, 1_000):
        (tmp_path / f"{place:04}.wav").write_bytes((tmp_path / "0000.wav").read_bytes())
    (tmp_path / "0500.wav").write_bytes(b"no sound")
    with pytest.warns(Unreadable, match=r"read 999 clips and passed over 1. 0500.wav: It cannot be read as a sound"):
        assert len(list(read(tmp_path))) == 999
    with pytest.raises(DataError, match=r"0500.wav: It cannot be read as a sound.*Mend or remove it, or read without"):
        list(read(tmp_path, strict=True))


@pytest.mark.parametrize(
    ("level", "count", "flaw"),
    [(0.0, 100, "It is silent"), (0.5, 0, "It is empty"), (np.nan, 100, "no numbers"), (9.0, 100, "of up to 9")],
)
def test_flawed_clips_are_passed_over(tmp_path: Path, level: float, count: int, flaw: str) -> None:
    sound(tmp_path / "good.wav")
    soundfile.write(tmp_path / "bad.wav", np.full(count, level), 8_000, "FLOAT")
    with pytest.warns(Unreadable, match=rf"bad.wav: .*{flaw}"):
        assert [clip.file for clip in read(tmp_path)] == ["good.wav"]


def test_a_file_that_cannot_be_opened_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        sound(tmp_path / f"{name}.wav")
    real = Path.open

    def closed(path: Path, *rest: Any, **options: Any) -> Any:
        if path.name == "b.wav":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest, **options)

    monkeypatch.setattr(Path, "open", closed)
    with pytest.warns(Unreadable, match=r"passed over 1. b.wav: It cannot be opened: Permission denied."):
        assert [clip.file for clip in read(tmp_path)] == ["a.wav", "c.wav"]
    with pytest.raises(DataError, match=r"holds no clip that can be read. b.wav: It cannot be opened"):
        list(read(tmp_path / "b.wav"))


def test_rates_stay_as_they_are(tmp_path: Path) -> None:
    for rate in (8_000, 44_100):
        sound(tmp_path / f"{rate}.wav", rate=rate)
    assert sorted(clip.rate for clip in read(tmp_path)) == [8_000, 44_100]


def test_nothing_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    with pytest.raises(DataError, match=r"holds no clip that can be read. a.wav: "):
        list(read(tmp_path))


def test_a_damaged_manifest_is_an_error(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "manifest.csv").write_bytes(b"file\n\xff\xfe\n")
    with pytest.raises(DataError, match=r"manifest.csv should be a table in UTF-8; it is not"):
        list(read(tmp_path))
    (tmp_path / "manifest.csv").write_text("name,digit\na.wav,3\n")
    with pytest.raises(DataError, match=r"manifest.csv needs a column `file`"):
        list(read(tmp_path))
