import os
from contextlib import closing
from pathlib import Path

from genwright.testing.stores import make_record, make_run
from genwright_storage.blobs import Blobs
from genwright_storage.collection import orphans
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
