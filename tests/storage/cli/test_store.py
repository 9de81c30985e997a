import errno
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.errors import DataError, StorageFull
from genwright.testing.stores import make_record, make_run
from genwright_storage import erasure
from genwright_storage.backup import write_backup
from genwright_storage.blobs import Blobs
from genwright_storage.keys import KeyRing
from genwright_storage.sqlite import SQLiteDatabase
from genwright_storage.store import SQLStore

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path / "keys"))
    return f"sqlite:///{tmp_path / 'store'}"


def test_a_store_is_made_with_a_name_and_prints_its_key(url: str, tmp_path: Path, capsys: Capture) -> None:
    assert main(["store", "init", "--origin", "example.org/log", "--store", url]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{KeyRing().trusted('example.org/log')[0]}\n"
    assert f"The ledger of {url} is example.org/log." in captured.err
    assert main(["store", "init", "--store", url]) == 0
    assert main(["store", "init", "--origin", "other", "--store", url]) == 2
    assert "is made with the name other; " in capsys.readouterr().err
    assert (tmp_path / "store").is_file()


def test_a_key_is_replaced_and_the_old_one_vouches_for_it(url: str, capsys: Capture) -> None:
    assert main(["store", "init", "--store", url]) == 0
    first = capsys.readouterr().out
    assert main(["store", "rotate-key", "--reason", "a year has passed", "--store", url]) == 0
    second = capsys.readouterr().out
    assert main(["store", "keys", "--store", url]) == 0
    assert capsys.readouterr().out == first + second
    with closing(SQLStore(url)) as store:
        store.put_run(make_run())
    assert main(["audit", "verify", "--key", first.strip(), "--store", url]) == 0


def test_a_backup_is_a_store_that_verifies(url: str, tmp_path: Path, capsys: Capture) -> None:
    with closing(SQLStore(url)) as store:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, 0, payload=b"x" * 100_000), make_record(run, 1)])
    copy = tmp_path / "copies" / "copy"
    copy.parent.mkdir()
    assert main(["store", "backup", str(copy), "--store", url]) == 0
    assert main(["audit", "verify", "--store", f"sqlite:///{copy}"]) == 0
    with closing(SQLStore(f"sqlite:///{copy}")) as store:
        assert [len(record.payload) for record in store.samples()] == [100_000, 3]
    assert set(os.listdir(copy.parent)) - {"copy.lock"} == {"copy", "copy.blobs"}
    capsys.readouterr()
    assert main(["store", "backup", str(copy), "--store", url]) == 1
    assert "a backup is written to a new file; " in capsys.readouterr().err


def test_a_backup_that_cannot_be_made_whole_is_not_there(url: str, tmp_path: Path, capsys: Capture) -> None:
    with closing(SQLStore(url)) as store:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, 0, payload=b"x" * 100_000)])
        assert isinstance(store.blobs, Blobs)
        for file in store.blobs.found():
            store.blobs.remove(file.name)
    assert main(["store", "backup", str(tmp_path / "copy"), "--store", url]) == 1
    assert not list(tmp_path.glob("copy*"))


@pytest.fixture
def large(url: str) -> Iterator[SQLStore]:
    """A store with three samples whose payloads are in files."""
    with closing(SQLStore(url)) as store:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, index, payload=bytes([index]) * 100_000) for index in range(3)])
        yield store


def test_a_backup_that_fails_leaves_no_payloads_that_a_later_one_takes_over(
    large: SQLStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("genwright_storage.backup.os.link", refused)
        with pytest.raises(StorageFull):
            write_backup(large, tmp_path / "copy")
    assert not list(tmp_path.glob("copy*"))
    left = Blobs(tmp_path / "copy.blobs.part")
    left.put({bytes(32): b"what a killed process left"})
    write_backup(large, tmp_path / "copy")
    assert [file.size for file in Blobs(tmp_path / "copy.blobs").found()] == [100_000] * 3
    assert {path.name for path in tmp_path.glob("copy*")} == {"copy", "copy.blobs"}


def test_a_backup_is_not_merged_with_payloads_that_are_there(large: SQLStore, tmp_path: Path) -> None:
    (tmp_path / "copy.blobs").mkdir()
    with pytest.raises(DataError, match=r"is written to a new file; .*copy.blobs is there. Name another."):
        write_backup(large, tmp_path / "copy")
    assert {path.name for path in tmp_path.glob("copy*")} == {"copy.blobs"}


def test_a_payload_that_is_erased_while_it_is_backed_up_is_left_out(
    large: SQLStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = SQLiteDatabase.copy

    def erased_after(self: SQLiteDatabase, file: Path) -> None:
        copy(self, file)
        erasure.erase(large, ["LAST/1"], reason="asked for")

    monkeypatch.setattr(SQLiteDatabase, "copy", erased_after)
    write_backup(large, tmp_path / "copy")
    with closing(SQLStore(f"sqlite:///{tmp_path / 'copy'}")) as again:
        assert [again.sample(f"LAST/{index}").payload[0] for index in (0, 2)] == [0, 2]
        assert [finding.where[-2:] for finding in again.verify()] == ["/1"]


def test_files_that_no_sample_names_are_removed(url: str, capsys: Capture) -> None:
    with closing(SQLStore(url)) as store:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, 0, payload=b"x" * 100_000)])
        store.blobs.put({b"5" * 32: b"y" * 2_000_000})
    assert main(["store", "gc", "--store", url]) == 0
    assert "Removed 0 files" in capsys.readouterr().err
    assert main(["store", "gc", "--older-than", "0", "--dry-run", "--store", url]) == 0
    assert "Would remove 1 files, 2.0 MB." in capsys.readouterr().err
    assert main(["store", "gc", "--older-than", "0", "--store", url]) == 0
    assert "Removed 1 files, 2.0 MB." in capsys.readouterr().err
    with closing(SQLStore(url)) as store:
        assert list(store.verify()) == []
        assert [file.size for file in store.blobs.found()] == [100_000]


def test_a_key_that_is_lost_is_told_with_what_to_do(
    url: str, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["store", "init", "--store", url]) == 0
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path / "lost"))
    with closing(SQLStore(url)) as store, pytest.raises(Exception, match="genwright store rotate-key"):
        store.put_run(make_run())
    capsys.readouterr()
    assert main(["store", "rotate-key", "--reason", "the disk broke", "--store", url]) == 0
    assert re.fullmatch(r"genwright/\w{16}\+\w{8}\+\S+\n", capsys.readouterr().out)
    with closing(SQLStore(url)) as store:
        store.put_run(make_run())
    with closing(sqlite3.connect(tmp_path / "store")) as connection:
        assert connection.execute("SELECT count(*) FROM run").fetchone() == (1,)


def test_the_keys_of_a_store_are_told_as_json(url: str, capsys: Capture) -> None:
    def told(*command: str) -> dict[str, object]:
        assert main(["store", *command, "--store", url, "--json"]) == 0
        found: dict[str, object] = json.loads(capsys.readouterr().out)
        return found

    made = told("init", "--origin", "example.org/log")
    (first,) = KeyRing().trusted("example.org/log")
    assert made == {"origin": "example.org/log", "keys": [str(first)]}
    changed = told("rotate-key", "--reason", "a year has passed")
    _, second = KeyRing().trusted("example.org/log")
    assert changed == {"origin": "example.org/log", "key": str(second)}
    assert told("keys") == {"origin": "example.org/log", "keys": [str(first), str(second)]}


def test_a_backup_is_told_as_json(large: SQLStore, tmp_path: Path, capsys: Capture) -> None:
    copy = tmp_path / "copy"
    assert main(["store", "backup", str(copy), "--store", large.url, "--json"]) == 0
    size = copy.stat().st_size + 3 * 100_000
    assert json.loads(capsys.readouterr().out) == {"file": str(copy), "bytes": size}


@pytest.mark.parametrize("options", [["--dry-run"], []])
def test_what_is_collected_is_told_as_json(large: SQLStore, options: list[str], capsys: Capture) -> None:
    large.blobs.put({b"5" * 32: b"y" * 2_000_000})
    assert main(["store", "gc", "--older-than", "0", *options, "--store", large.url, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == {"files": 1, "bytes": 2_000_000, "dry_run": bool(options)}
