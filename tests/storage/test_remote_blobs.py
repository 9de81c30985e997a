import hashlib
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import fsspec
import pytest

from genwright.errors import StoreError, UsageError
from genwright.testing.stores import StoreTests, make_record, make_run
from genwright_storage import erasure
from genwright_storage.blobs import Blobs
from genwright_storage.remote_blobs import RemoteBlobs, blobs_at
from genwright_storage.store import SQLStore


def digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[str]:
    """An object store of this process."""
    url = f"memory://{tmp_path.name}"
    yield url
    files = fsspec.filesystem("memory")
    if files.exists(tmp_path.name):
        files.rm(tmp_path.name, recursive=True)


class TestSQLStoreWithRemoteBlobs(StoreTests):
    @pytest.fixture
    def store(self, tmp_path: Path, place: str) -> Iterator[SQLStore]:
        with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}?blobs={place}")) as store:
            yield store

    def test_large_payloads_are_there_and_not_beside_the_file(self, store: SQLStore, tmp_path: Path) -> None:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, 0, payload=b"x" * 100_000)])
        assert [path.name for path in tmp_path.glob("*.blobs")] == []
        assert [found.size for found in store.blobs.found()] == [100_000]


def test_bytes_come_back_by_their_digest(place: str) -> None:
    blobs = RemoteBlobs(place)
    blobs.put({digest(data): data for data in (b"one", b"two", b"")})
    blobs.put({digest(b"one"): b"one"})
    assert [blobs.get(digest(data)) for data in (b"one", b"two", b"")] == [b"one", b"two", b""]
    assert blobs.size() == 6
    assert {found.digest for found in blobs.found()} == {digest(data) for data in (b"one", b"two", b"")}
    assert all(found.age < 60 for found in blobs.found())


def test_what_is_wrong_with_a_file_is_said(place: str) -> None:
    blobs = RemoteBlobs(place)
    assert blobs.trouble(digest(b"x")) == "its file is gone"
    blobs.put({digest(b"x"): b"x"})
    assert blobs.trouble(digest(b"x")) is None
    (found,) = blobs.found()
    assert 0 < blobs.age(found.name) < 60
    assert blobs.age("ab/cd") == 0
    fsspec.filesystem("memory").pipe_file(f"{place.removeprefix('memory://')}/{found.name}", b"y")
    assert blobs.trouble(digest(b"x")) == "the bytes of its file are others"
    blobs.remove(found.name)
    blobs.remove(found.name)
    assert list(blobs.found()) == []


def test_a_file_that_is_cut_while_it_is_written_is_an_error(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = RemoteBlobs(place)
    files = type(blobs._files)
    whole = files.pipe_file
    monkeypatch.setattr(files, "pipe_file", lambda self, path, data: whole(self, path, data[:-1]))
    with pytest.raises(OSError, match="has another size than the 5 bytes"):
        blobs.put({digest(b"whole"): b"whole"})


def test_a_place_on_this_machine_is_a_folder(tmp_path: Path) -> None:
    for url in (f"file://{tmp_path}/a", f"{tmp_path}/a"):
        found = blobs_at(url, tmp_path / "beside")
        assert isinstance(found, Blobs)
        assert found.folder == tmp_path / "a"
    beside = blobs_at(None, tmp_path / "beside")
    assert isinstance(beside, Blobs)
    assert os.fspath(beside.folder) == f"{tmp_path}/beside"


def test_a_place_that_nothing_speaks_to_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"kept at a URL of fsspec, such as s3://bucket/folder.*got 'nowhere://x'"):
        blobs_at("nowhere://x", tmp_path)
    with pytest.raises(StoreError, match=r"are kept at s3://x; a package is missing: .*Install it"):
        blobs_at("s3://x", tmp_path)


def test_large_payloads_are_erased_where_they_are(tmp_path: Path, place: str) -> None:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}?blobs={place}")) as store:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, index, payload=b"%d" % (index // 2) * 100_000) for index in range(4)])
        erasure.erase(store, [f"{run.id}/{index}" for index in (0, 1, 2)], reason="asked for")
        assert [found.digest for found in store.blobs.found()] == [digest(b"1" * 100_000)]
        store.put_samples([make_record(run, 4, payload=b"0" * 100_000)])
        assert list(store.verify()) == []
        store.blobs.erase(digest(b"never there"))
