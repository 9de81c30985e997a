import os
from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from genwright.testing.stores import make_record, make_run
from genwright_storage import collection
from genwright_storage.blobs import Blobs, Found, digest_of
from genwright_storage.collection import collect, orphans
from genwright_storage.store import SQLStore


def test_only_old_files_that_no_row_names_are_orphans(tmp_path: Path) -> None:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, 0, payload=b"x" * 100_000)])
        assert isinstance(store.blobs, Blobs)
        kept, new, old = (bytes([byte]) * 32 for byte in (1, 2, 3))
        store.blobs.put({new: b"new", old: b"old"})
        part = store.blobs.path(old).with_name("5f.part")
        part.write_bytes(b"unfinished")
        assert list(orphans(store)) == []
        for path in store.blobs.folder.glob("*/*"):
            if path != store.blobs.path(new):
                os.utime(path, (0, 0))
        assert {file.name for file in orphans(store)} == {
            str(path.relative_to(store.blobs.folder)) for path in (store.blobs.path(old), part)
        }
        assert {file.digest for file in orphans(store, grace=0)} == {None, new, old}
        assert kept not in {file.digest for file in orphans(store, grace=0)}
        assert list(store.verify()) == []


LARGE = b"x" * 100_000


@pytest.fixture(params=["a file", "a server"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "a file":
        return f"sqlite:///{tmp_path / 'store'}"
    return f"{request.getfixturevalue('team_url')}?blobs={tmp_path / 'blobs'}"


def _left_behind(store: SQLStore) -> str:
    """Put a file that no row names, as old as can be, and return its name."""
    store.blobs.put({sha256(LARGE).digest(): LARGE})
    (found,) = store.blobs.found()
    assert isinstance(store.blobs, Blobs)
    os.utime(store.blobs.folder / found.name, (0, 0))
    return found.name


def test_what_is_collected_is_removed_and_told(url: str) -> None:
    with closing(SQLStore(url)) as store:
        name = _left_behind(store)
        assert [(file.name, file.digest) for file in collect(store)] == [(name, digest_of(name))]
        assert list(store.blobs.found()) == list(collect(store)) == []


@pytest.mark.parametrize("grace", [0.0, collection.GRACE])
def test_a_file_that_a_sample_names_since_it_was_listed_stays(
    url: str, grace: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put_in_between(store: SQLStore, *, grace: float) -> Iterator[Found]:
        found = list(orphans(store, grace=grace))
        assert len(found) == 1
        other.put_samples([make_record(run, 0, payload=LARGE)])
        yield from found

    monkeypatch.setattr(collection, "orphans", put_in_between)
    with closing(SQLStore(url)) as store, closing(SQLStore(url)) as other:
        run = make_run()
        store.put_run(run)
        _left_behind(store)
        assert list(collect(store, grace=grace)) == []
        assert store.sample(f"{run.id}/0").payload == LARGE


def test_a_file_that_became_new_since_it_was_listed_stays(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def renewed_in_between(store: SQLStore, *, grace: float) -> Iterator[Found]:
        found = list(orphans(store, grace=grace))
        store.blobs.put({sha256(LARGE).digest(): LARGE})
        yield from found

    monkeypatch.setattr(collection, "orphans", renewed_in_between)
    with closing(SQLStore(url)) as store:
        name = _left_behind(store)
        assert list(collect(store)) == []
        assert [file.name for file in store.blobs.found()] == [name]


def test_a_file_that_is_collected_before_its_row_is_written_is_put_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: Callable[..., None] = Blobs.put

    def collected_in_between(self: Blobs, files: Any) -> None:
        put(self, files)
        monkeypatch.setattr(Blobs, "put", put)
        assert len(list(collect(other, grace=0))) == 1

    with closing(SQLStore(url)) as store, closing(SQLStore(url)) as other:
        run = make_run()
        store.put_run(run)
        monkeypatch.setattr(Blobs, "put", collected_in_between)
        store.put_samples([make_record(run, 0, payload=LARGE)])
        assert store.sample(f"{run.id}/0").payload == LARGE
        assert list(store.verify()) == []
