from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from genwright.errors import Forbidden, StoreError
from genwright.store import Finding
from genwright.testing.stores import make_record, make_run
from genwright_storage import roles, shares
from genwright_storage.samples import FIRST, Share
from genwright_storage.store import SQLStore

BATCHES, BATCH = 6, 4
LARGE = 70_000


@pytest.fixture(autouse=True)
def two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "LEAST", BATCH)
    monkeypatch.setattr(shares, "_AROUND", BATCH)
    monkeypatch.setattr(shares, "_processors", lambda: 2)


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The URL of a store of some batches, with large payloads at both ends."""
    url, run = f"sqlite:///{tmp_path / 'store'}", make_run(planned=BATCHES * BATCH)
    with closing(SQLStore(url)) as store:
        store.put_run(run)
        for first in range(0, BATCHES * BATCH, BATCH):
            records = [make_record(run, index) for index in range(first, first + BATCH)]
            if first in (0, (BATCHES - 1) * BATCH):
                records[0] = make_record(run, first, payload=bytes([first]) * LARGE)
            store.put_samples(records)
    return url


@pytest.fixture
def forger(url: str) -> Iterator[sqlite3.Connection]:
    """A connection past the triggers."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection


def divided(url: str) -> list[Share]:
    with closing(SQLStore(url)) as store, store.database.reading() as connection:
        return list(shares.divided(store.database, store.blobs, connection))


def found(url: str, progress: Callable[[int], object] = lambda _: None) -> list[Finding]:
    with closing(SQLStore(f"{url}?mode=ro")) as store:
        return list(store.verify(progress=progress))


def test_each_processor_has_a_share_and_no_batch_is_cut(url: str) -> None:
    half, whole = BATCHES // 2 * BATCH, BATCHES * BATCH
    assert divided(url) == [
        Share(first_sample=FIRST, last_sample=half, first_batch=FIRST, last_batch=BATCHES // 2),
        Share(first_sample=half + 1, last_sample=whole, first_batch=BATCHES // 2 + 1, last_batch=BATCHES),
    ]


def test_there_are_no_more_processes_than_a_container_bears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(shares.os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert shares._processors() == 8


@pytest.mark.parametrize(("name", "value"), [("executable", ""), ("frozen", True)])
def test_where_python_is_no_command_of_its_own_there_is_one_share(
    url: str, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, name, value, raising=False)
    assert len(divided(url)) == 1


def test_a_share_is_not_smaller_than_is_worth_a_process(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "LEAST", BATCHES * BATCH // 2 + 1)
    assert len(divided(url)) == 1


def test_one_batch_is_one_share(tmp_path: Path) -> None:
    url, run = f"sqlite:///{tmp_path / 'one'}", make_run(planned=50)
    with closing(SQLStore(url)) as store:
        store.put_run(run)
        store.put_samples([make_record(run, index) for index in range(50)])
    assert len(divided(url)) == 1


def test_a_sound_store_is_sound_in_two_processes(url: str) -> None:
    told: list[int] = []
    assert found(url, told.append) == []
    assert told == sorted(told)
    assert told[-1] == BATCHES * BATCH


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sample SET payload = x'00' WHERE id IN (2, 23)",
        "UPDATE sample SET canonical = 'é' WHERE id IN (5, 20)",
        "UPDATE batch SET root = zeroblob(32) WHERE id IN (3, 4)",
        "DELETE FROM sample WHERE id IN (12, 13)",
        "DELETE FROM sample WHERE id <= 12",
        "DELETE FROM sample WHERE id > 12",
        "DELETE FROM sample",
        "DELETE FROM batch WHERE id IN (1, 6)",
    ],
)
def test_two_processes_find_what_one_does(
    url: str, forger: sqlite3.Connection, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    forger.execute(statement)
    together = found(url)
    monkeypatch.setattr(shares, "LEAST", 1_000)
    assert {str(finding) for finding in found(url)} == {str(finding) for finding in together} != set()


@pytest.mark.parametrize(
    ("statement", "row"),
    [
        ("UPDATE sample SET batch_id = 6 WHERE id = 2", 2),
        ("UPDATE sample SET batch_id = 1 WHERE id = 23", 23),
        ("UPDATE sample SET batch_id = 99 WHERE id = 12", 12),
        ("UPDATE sample SET id = -id WHERE id = 24", -24),
        ("UPDATE sample SET id = id + 100 WHERE id = 1", 101),
    ],
)
def test_a_sample_that_was_moved_to_another_share_is_found(
    url: str, forger: sqlite3.Connection, statement: str, row: int
) -> None:
    forger.execute(statement)
    assert f"sample at row {row}" in {finding.where for finding in found(url)}


@pytest.mark.parametrize("least", [BATCH, 1_000])
@pytest.mark.parametrize(
    ("row", "batch"),
    [(2, 6), (2, 2), (23, 1), (12, 99), (1, 2), (5, 6), (9, 1), (8, 3), (24, 1), (12, 1), (13, 1), (14, 6), (15, 1)],
)
def test_a_sample_in_another_batch_leaves_its_neighbours_sound(
    url: str, forger: sqlite3.Connection, row: int, batch: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "LEAST", least)
    forger.execute("UPDATE sample SET batch_id = ? WHERE id = ?", (batch, row))
    places = [finding.where.rpartition("/")[2] for finding in found(url)]
    assert sorted(places) == sorted([f"sample at row {row}", str(row - 1)])


def test_a_file_that_is_gone_is_found_in_each_share(url: str, tmp_path: Path) -> None:
    files = [path for path in (tmp_path / "store.blobs").rglob("*") if path.is_file()]
    assert len(files) == 2
    for path in files:
        path.unlink()
    assert sorted(finding.where.rpartition("/")[2] for finding in found(url)) == ["0", "20"]


def test_who_may_verify_is_asked_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(SQLStore(url)) as store:
        roles.grant(store, "ada", "admin")
        monkeypatch.setenv("GENWRIGHT_ACTOR", "ada")
        roles.grant(store, "eve", "auditor")
        monkeypatch.setenv("GENWRIGHT_ACTOR", "eve")
        assert list(store.verify()) == []
        monkeypatch.setenv("GENWRIGHT_ACTOR", "bob")
        with pytest.raises(Forbidden):
            list(store.verify())


@pytest.mark.parametrize("least", [BATCH, 1_000])
@pytest.mark.parametrize("key", [FIRST, FIRST + 1, -1, 0, (1 << 63) - 1])
@pytest.mark.parametrize("table", ["sample", "batch"])
def test_a_copy_under_any_key_is_found(
    url: str, forger: sqlite3.Connection, table: str, key: int, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "LEAST", least)
    changed = {"id": key, "idx": 99, "first_idx": 99, "last_idx": 99, "seq": None}
    columns = [name for _, name, *_ in forger.execute(f"PRAGMA table_info({table})")]
    values = ", ".join("?" if name in changed else name for name in columns)
    copy = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE id = 3"
    forger.execute(copy, [changed[name] for name in columns if name in changed])
    assert found(url) != []


def says(monkeypatch: pytest.MonkeyPatch, *programs: str) -> None:
    """Have processes do something else, the first the first of it, and the others check."""
    left, begun = list(programs), subprocess.Popen

    def begin(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        return begun([*command[:-1], left.pop(0)] if left else command, **options)

    monkeypatch.setattr(shares.subprocess, "Popen", begin)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("", "ended early, with 0"),
        ("raise SystemExit(3)", "ended early, with 3"),
        (
            "import json, os, sys; os.write(json.load(sys.stdin)[1]['answers'], b'[\"checked\", 9]\\n[\"find')",
            "ended early, with 0",
        ),
        ("import os; os.kill(os.getpid(), 9)", "ended early, with -9"),
    ],
)
def test_a_process_that_ends_early_is_no_sound_share(
    url: str, forger: sqlite3.Connection, program: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the others find is told all the same."""
    forger.execute("UPDATE sample SET canonical = 'other' WHERE id = 24")
    says(monkeypatch, program)
    sample, end = found(url)
    assert sample.where.endswith("/23")
    assert end.where == "the file of the store"
    assert words in end.trouble


def test_where_no_process_can_be_begun_this_one_checks(
    url: str, forger: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    forger.execute("UPDATE sample SET canonical = 'other' WHERE id IN (1, 24)")
    begun: list[subprocess.Popen[bytes]] = []
    begin = subprocess.Popen

    def once(*of: Any, **options: Any) -> subprocess.Popen[bytes]:
        if begun:
            raise OSError(errno.EAGAIN, "no room for another process")
        begun.append(begin(*of, **options))
        return begun[0]

    monkeypatch.setattr(shares.subprocess, "Popen", once)
    assert sorted(finding.where.rpartition("/")[2] for finding in found(url)) == ["0", "23"]
    assert begun[0].returncode is not None


def test_a_process_says_why_it_cannot_read_on(url: str) -> None:
    with closing(SQLStore(url)) as store:
        database, whole = store.database, divided(url)
        database.elsewhere = f"{url}.gone?mode=ro"
        with pytest.raises(StoreError, match=r"there is no such file.*; the store .*there is no such file"):
            list(shares.findings(database, database.reading, store.blobs, whole, lambda _: None))


def test_processes_read_what_this_one_opened(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it stands by then, and whatever its environment says."""
    monkeypatch.chdir(tmp_path)
    with closing(SQLStore("sqlite:///store?mode=ro")) as store:
        (tmp_path / "other").mkdir()
        monkeypatch.chdir(tmp_path / "other")
        monkeypatch.setenv("GENWRIGHT_BLOBS", str(tmp_path / "other"))
        assert list(store.verify()) == []


def test_what_is_printed_there_is_no_answer(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_PROGRAM", f"import os; print('noise'); os.write(1, bytes([255])); {shares._PROGRAM}")
    assert found(url) == []


def test_what_is_left_off_ends_the_processes(
    url: str, forger: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    forger.execute("UPDATE sample SET canonical = 'other'")
    begun: list[subprocess.Popen[bytes]] = []
    begin = subprocess.Popen
    monkeypatch.setattr(
        shares.subprocess, "Popen", lambda *of, **options: begun.append(begin(*of, **options)) or begun[-1]
    )
    with closing(SQLStore(f"{url}?mode=ro")) as store:
        findings = store.verify()
        assert next(findings).where.startswith("sample ")
        findings.close()
    assert [process.returncode is not None for process in begun] == [True, True]


def test_a_program_that_ends_half_way_ends(url: str, forger: sqlite3.Connection) -> None:
    forger.execute("UPDATE sample SET canonical = 'other'")
    program = (
        "import sys; from genwright_storage import shares; from genwright_storage.store import SQLStore\n"
        f"shares.LEAST, shares._processors = {BATCH}, lambda: 2\n"
        f"found = SQLStore('{url}?mode=ro').verify(); print(next(found).where); sys.exit(3)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.startswith("sample ")


def test_a_file_in_the_folder_one_stands_in_has_no_say(
    url: str, forger: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One named json.py once told that all was well."""
    forger.execute("UPDATE sample SET canonical = 'other'")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "json.py").write_text("import os, sys; os._exit(0)")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert len(found(url)) == BATCHES * BATCH


def test_what_is_asked_is_not_for_all_to_read(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    begin = subprocess.Popen

    def noted(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        commands.append(command)
        return begin(command, **options)

    monkeypatch.setattr(shares.subprocess, "Popen", noted)
    assert found(url) == []
    assert len(commands) == 2
    assert "store" not in " ".join(commands[0]).replace("genwright_storage", "")


def test_a_path_that_python_passes_over_is_passed_over(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, Path("/elsewhere")])
    assert found(url) == []


def test_payloads_that_only_this_process_may_reach_make_one_share(url: str) -> None:
    with closing(SQLStore(f"{url}?blobs=memory://payloads")) as store, store.database.reading() as connection:
        assert len(shares.divided(store.database, store.blobs, connection)) == 1


@pytest.mark.parametrize("pause", [0.01, 0.1, 0.3])
def test_an_interruption_is_told_once(url: str, pause: float) -> None:
    program = (
        "import os, signal, sys, threading, time; from genwright_storage import shares\n"
        # What a shell runs in the background ignores it, and so would this.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from genwright_storage.store import SQLStore\n"
        f"shares.LEAST, shares._processors = {BATCH}, lambda: 2\n"
        f"store = SQLStore('{url}?mode=ro')\n"
        f"threading.Thread(target=lambda: (time.sleep({pause}), os.killpg(0, signal.SIGINT))).start()\n"
        "try:\n list(store.verify()); time.sleep(9)\n"
        "except KeyboardInterrupt:\n print('interrupted')\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, process_group=0, timeout=60
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
