from __future__ import annotations

import io
import tarfile
import tracemalloc
import zipfile
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

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
    found = []
    for name, opened in sources.found(path):
        with opened() as stream:
            found.append((name, stream.read()))
    return found


def readable(path: Path) -> dict[str, bytes | str]:
    """Return the bytes of each sound, or why it has none."""
    found: dict[str, bytes | str] = {}
    for name, opened in sources.found(path):
        try:
            with opened() as stream:
                found[name] = stream.read()
        except DataError as error:
            found[name] = str(error)
    return found


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


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz"])
def test_what_swells_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sources, "_LARGEST", 1 << 20)
    monkeypatch.setitem(FILES, "set/b.wav", bytes((1 << 20) + 1))
    assert readable(archived(tmp_path / name)) == {"set/b.wav": "It has more than 1 MiB.", "set/a.flac": b"a"}


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "RF64", "AIFF"])
@pytest.mark.parametrize("name", ["x.zip", "x.tar.xz"])
def test_what_is_too_long_by_its_header_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, kind: str
) -> None:
    monkeypatch.setattr(sources, "_HEAD", 4_096)
    for rate, words in ((100, "It takes 700 seconds, over the limit of 600."), (8_000, "")):
        stream = io.BytesIO()
        soundfile.write(stream, np.random.default_rng(0).uniform(-1, 1, 70_000), rate, format=kind)
        monkeypatch.setitem(FILES, "set/b.wav", stream.getvalue())
        assert readable(archived(tmp_path / name))["set/b.wav"] == (words or stream.getvalue())


def test_of_a_sound_that_is_too_long_only_the_beginning_is_decompressed(tmp_path: Path) -> None:
    """One of ten hours once took all of its length in memory."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        wav = io.BytesIO()
        soundfile.write(wav, np.zeros(20_000_000, np.int16), 8_000, format="WAV")
        archive.writestr("a.wav", wav.getbuffer())
    tracemalloc.start()
    assert readable(tmp_path / "x.zip") == {"a.wav": "It takes 2,500 seconds, over the limit of 600."}
    assert tracemalloc.get_traced_memory()[1] < 8_000_000
    tracemalloc.stop()


def test_a_file_on_a_disk_is_not_read_to_look_at_its_header(tmp_path: Path) -> None:
    """One of ten hours was once read whole."""
    (tmp_path / "a.wav").write_bytes(b"abc")
    for path in (tmp_path, tmp_path / "a.wav"):
        ((_, opened),) = sources.found(path)
        with opened() as stream:
            assert isinstance(stream, io.BufferedReader)


def test_a_file_that_cannot_be_opened_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = folder(tmp_path / "x"), Path.open

    def closed(path: Path, *rest: Any, **options: Any) -> Any:
        if path.name == "b.wav":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest, **options)

    monkeypatch.setattr(Path, "open", closed)
    assert readable(path) == {"set/a.flac": b"a", "set/b.wav": "It cannot be opened: Permission denied."}
    assert list(readable(path / "set/b.wav").values()) == ["It cannot be opened: Permission denied."]


def test_a_manifest_that_cannot_be_opened_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path) -> BufferedIOBase:
        raise DataError("It cannot be opened: Permission denied.")

    monkeypatch.setattr(sources, "_file", closed)
    words = r"x/set/manifest.csv says what sounds are of, and cannot be read. It cannot be opened: .* Mend it, or take"
    with pytest.raises(DataError, match=words):
        sources.manifest(folder(tmp_path / "x"))


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


def test_an_encrypted_member_leaves_the_others(tmp_path: Path) -> None:
    path = archived(tmp_path / "x.zip")
    # Bit 0 of the flags in the central directory: encrypted.
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    advice = "It is encrypted. Unpack the archive, and read the folder."
    assert readable(path) == {"set/b.wav": advice, "set/a.flac": b"a"}


@pytest.mark.parametrize(("place", "words"), [(0, "Bad magic number for file header"), (-1, "Bad CRC-32")])
def test_a_damaged_member_leaves_the_others(tmp_path: Path, place: int, words: str) -> None:
    path = archived(tmp_path / "x.zip")
    data = bytearray(path.read_bytes())
    # The first local header, or the one byte that it is the header of.
    data[place if place >= 0 else data.index(b"set/b.wav") + len("set/b.wav")] ^= 0xFF
    path.write_bytes(data)
    found = readable(path)
    assert str(found.pop("set/b.wav")).startswith(f"It cannot be unpacked: {words}")
    assert found == {"set/a.flac": b"a"}
