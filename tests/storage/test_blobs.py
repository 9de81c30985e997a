import errno
import hashlib
import os
from pathlib import Path

import pytest

from genwright.errors import StorageFull, StoreError, StoreReadOnly
from genwright_storage import blobs
from genwright_storage.blobs import Blobs
from genwright_storage.errors import translated


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def test_bytes_come_back_by_their_digest(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    blobs.put({digest(data): data for data in (b"one", b"two", b"")})
    assert [blobs.get(digest(data)) for data in (b"one", b"two", b"")] == [b"one", b"two", b""]
    assert blobs.size() == 6


def test_nothing_to_put_makes_no_folder(tmp_path: Path) -> None:
    Blobs(tmp_path / "blobs").put({})
    assert os.listdir(tmp_path) == []


def test_files_are_for_the_owner_alone(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    blobs.put({digest(b"x"): b"x"})
    path = blobs.path(digest(b"x"))
    modes = [place.stat().st_mode & 0o777 for place in (path, path.parent, blobs.folder)]
    assert modes == [0o600, 0o700, 0o700]


def test_bytes_that_are_there_are_not_written_again(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    blobs.put({digest(b"x"): b"x"})
    before = blobs.path(digest(b"x")).stat().st_ino
    blobs.put({digest(b"x"): b"x"})
    assert blobs.path(digest(b"x")).stat().st_ino == before


def test_bytes_that_are_put_again_count_as_new(tmp_path: Path) -> None:
    """They could else be collected before the row that names them is written."""
    blobs = Blobs(tmp_path / "blobs")
    blobs.put({digest(b"x"): b"x"})
    os.utime(blobs.path(digest(b"x")), (0, 0))
    assert [found.age > 1e9 and blobs.age(found.name) > 1e9 for found in blobs.found()] == [True]
    assert blobs.age("ab/cd") == 0
    blobs.put({digest(b"x"): b"x"})
    assert [found.age < 60 for found in blobs.found()] == [True]


def test_files_are_found_with_what_was_left_unfinished(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    blobs.put({digest(b"x"): b"x"})
    path = blobs.path(digest(b"x"))
    path.with_name(f"{path.name}.5f.part").write_bytes(b"unfinished")
    (path.parent / ("z" * 62)).write_bytes(b"")
    found = {file.name: (file.digest, file.size) for file in blobs.found()}
    assert set(found.values()) == {(digest(b"x"), 1), (None, 10), (None, 0)}
    for name in found:
        blobs.remove(name)
        blobs.remove(name)
    assert list(blobs.found()) == []


def test_a_file_without_end_does_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Blobs(tmp_path / "blobs")
    store.put({digest(b"x"): b"x"})
    monkeypatch.setattr(blobs, "LARGEST", 1000)
    store.path(digest(b"x")).write_bytes(b"x" * 1001)
    with pytest.raises(OSError, match="it has more than 1,000 bytes"):
        store.get(digest(b"x"))


def test_a_file_cut_short_is_written_again(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    blobs.put({digest(b"whole"): b"whole"})
    blobs.path(digest(b"whole")).write_bytes(b"who")
    blobs.put({digest(b"whole"): b"whole"})
    assert blobs.get(digest(b"whole")) == b"whole"


def test_what_is_wrong_with_a_file_is_said(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    assert blobs.trouble(digest(b"x")) == "its file is gone"
    blobs.put({digest(b"x"): b"x"})
    assert blobs.trouble(digest(b"x")) is None
    blobs.path(digest(b"x")).write_bytes(b"y")
    assert blobs.trouble(digest(b"x")) == "the bytes of its file are others"


@pytest.mark.parametrize(
    ("code", "error", "message"),
    [
        (errno.ENOSPC, StorageFull, "no space is left to write to it"),
        (errno.EFBIG, StorageFull, "no space is left to write to it"),
        (errno.EIO, StoreError, "the system could not read or write its file. Check the disk, quotas and limits on"),
        (errno.EACCES, StoreReadOnly, "it can only be read"),
    ],
)
def test_a_file_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception], message: str
) -> None:
    blobs = Blobs(tmp_path / "blobs")

    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("genwright_storage.blobs.flush", refuse)
    with pytest.raises(error, match=message), translated("sqlite:///x"):
        blobs.put({digest(b"x"): b"x"})
    assert not blobs.path(digest(b"x")).exists()
    assert list(blobs.folder.glob("*/*")) == []


def test_folders_reach_the_disk_with_their_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut would else leave a row whose file has no name."""
    flushed: list[Path] = []
    flush = blobs.flush

    def record(path: Path) -> None:
        flushed.append(path)
        flush(path)

    monkeypatch.setattr(blobs, "flush", record)
    store = Blobs(tmp_path / "store.blobs")
    store.put({digest(b"data"): b"data"})
    assert {store.path(digest(b"data")).parent, store.folder, tmp_path} <= set(flushed)


def test_what_is_erased_is_gone_with_what_writers_left_of_it(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    kept, erased = digest(b"kept"), digest(b"erased")
    blobs.put({kept: b"kept", erased: b"erased"})
    blobs.path(erased).with_name(f"{blobs.path(erased).name}.0123.part").write_bytes(b"eras")
    for _ in range(2):
        blobs.erase(erased)
    assert (blobs.has(kept), blobs.has(erased)) == (True, False)
    assert [found.digest for found in blobs.found()] == [kept]
