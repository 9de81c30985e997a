from __future__ import annotations

import io
import tarfile
import zipfile
from io import BufferedIOBase
from pathlib import Path

import pytest

from genwright.errors import DataError
from genwright_audio import sources

FILES = {
    "set/b.wav": b"b",
    "set/a.flac": b"a",
    "set/.hidden.wav": b"h",
    "set/manifest.csv": b"file\n",
    "notes.txt": b"n",
}


def names(path: Path) -> list[tuple[str, bytes]]:
    return [(name, stream.read()) for name, stream in sources.found(path)]


def folder(path: Path) -> Path:
    for name, data in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def archived(path: Path) -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in FILES.items():
                archive.writestr(name, data)
        return path
    with tarfile.open(path, f"w:{path.suffix.removeprefix('.').replace('tar', '').replace('tgz', 'gz')}") as archive:
        for name, data in FILES.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_a_folder_gives_its_sounds_by_name(tmp_path: Path) -> None:
    assert names(folder(tmp_path / "x")) == [("set/a.flac", b"a"), ("set/b.wav", b"b")]


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.tgz", "x.tar.xz"])
def test_an_archive_gives_them_as_they_lie(tmp_path: Path, name: str) -> None:
    path = archived(tmp_path / name)
    assert names(path) == [("set/b.wav", b"b"), ("set/a.flac", b"a")]
    assert sources.manifest(path) == ("set/manifest.csv", b"file\n")


def test_a_file_is_one_sound(tmp_path: Path) -> None:
    (tmp_path / "A.WAV").write_bytes(b"x")
    assert names(tmp_path / "A.WAV") == [("A.WAV", b"x")]
    assert sources.manifest(tmp_path / "A.WAV") is None


def test_nothing_is_unpacked_outside(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        info = tarfile.TarInfo("../../outside.wav")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"x"))
        link = tarfile.TarInfo("link.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert names(tmp_path / "x.tar") == []
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["x.tar"]


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar.xz"])
def test_a_damaged_archive_is_named(tmp_path: Path, name: str) -> None:
    path = archived(tmp_path / name)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match=rf"{name} cannot be read to its end: .*Write it again"):
        names(path)


def test_other_paths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone does not exist. Name a file or folder of sounds."):
        names(tmp_path / "gone")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(DataError, match=r"sounds are read from .wav, .*; got 'a.txt'. Rename or convert it."):
        names(tmp_path / "a.txt")


def test_what_swells_is_not_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_LARGEST", 1 << 20)
    with pytest.raises(DataError, match=r"It has more than 1 MiB."):
        sources.limited(io.BytesIO(bytes((1 << 20) + 1)))
    assert sources.limited(io.BytesIO(b"abc")).read() == b"abc"


def test_a_file_on_a_disk_is_not_read_to_look_at_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of ten hours was once read whole."""
    monkeypatch.setattr(sources, "_LARGEST", 1)
    (tmp_path / "a.wav").write_bytes(b"abc")
    for path in (tmp_path, tmp_path / "a.wav"):
        assert [sources.limited(stream) is stream for _, stream in sources.found(path)] == [True]


def test_only_what_is_asked_for_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, opened, file = folder(tmp_path / "x"), list[str](), sources._file

    def noted(path: Path) -> BufferedIOBase:
        opened.append(path.name)
        return file(path)

    monkeypatch.setattr(sources, "_file", noted)
    assert sources.manifest(path) == ("set/manifest.csv", b"file\n")
    assert opened == ["manifest.csv"]
    assert len(names(path)) == 2
    assert opened == ["manifest.csv", "a.flac", "b.wav"]


def test_a_member_that_cannot_be_opened_damages_its_archive(tmp_path: Path) -> None:
    path = archived(tmp_path / "x.zip")
    # Bit 0 of the flags in the central directory: encrypted.
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"x.zip cannot be read to its end: .*encrypted.*Write it again"):
        names(path)
