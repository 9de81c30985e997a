from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, select

from genwright.errors import KeyMissing, StoreError
from genwright.store import Finding, Score
from genwright.testing.stores import make_record, make_run
from genwright_storage import ledger, merkle
from genwright_storage.evidence import prove
from genwright_storage.keys import KeyRing
from genwright_storage.notes import Head, Note
from genwright_storage.postgresql import PostgreSQLDatabase
from genwright_storage.sequencer import LOCK
from genwright_storage.signing import Signer
from genwright_storage.store import SQLStore
from genwright_storage.tables import batch, log_entry, log_tile, note, outbox
from tests.storage.server import Server


@pytest.fixture
def store(team_url: str) -> Iterator[SQLStore]:
    with closing(SQLStore(team_url)) as store:
        yield store


@pytest.fixture
def writer(team_url: str, tmp_path: Path) -> Iterator[SQLStore]:
    """The store as it is opened on another machine, without the key."""
    with closing(SQLStore(team_url, ring=KeyRing(tmp_path / "no keys"))) as writer:
        yield writer


def database_of(store: SQLStore) -> PostgreSQLDatabase:
    assert isinstance(store.database, PostgreSQLDatabase)
    return store.database


def waiting(store: SQLStore) -> list[tuple[int, str]]:
    with store.database.reading() as connection:
        found = connection.execute(select(outbox.c.id, outbox.c.kind).order_by(outbox.c.id))
        return [(row.id, row.kind) for row in found]


def size(connection: Connection) -> int:
    return ledger.state(connection).edge.size


def test_what_a_writer_without_the_key_puts_waits_and_is_sound(writer: SQLStore, store: SQLStore) -> None:
    run = make_run()
    writer.put_run(run)
    writer.put_samples([make_record(run, index) for index in range(3)])
    writer.put_scores(run.id, [Score(metric="qed", value=0.5)])
    writer.finish_run(run.id, "finished")
    assert writer.info()["pending"] == 4
    assert writer.info()["head"]["size"] == 1
    assert list(writer.verify()) == []
    ids = dict(zip((kind for _, kind in waiting(writer)), (id for id, _ in waiting(writer)), strict=True))
    assert list(ids) == ["run", "samples", "scores", "end"]
    with writer.database.reading() as connection:
        assert connection.execute(select(batch.c.seq)).scalar() == -ids["samples"]
    with pytest.raises(KeyMissing, match="is signed by"):
        database_of(writer).drain()
    with pytest.raises(StoreError, match=r"waits to be numbered by who has the key. Run there: genwright store sequen"):
        prove(writer, f"{run.id}/1")
    assert database_of(store).drain() == 4
    with store.database.reading() as connection:
        assert connection.execute(select(batch.c.seq)).scalar() == 2
        assert connection.execute(select(log_entry.c.kind).order_by(log_entry.c.seq)).scalars().all() == ["key", *ids]
    assert waiting(store) == list(store.verify()) == list(writer.verify()) == []
    assert prove(store, f"{run.id}/1").check(KeyRing().trusted(store.info()["head"]["origin"])).size == 5


@pytest.mark.parametrize(
    ("change", "where", "trouble"),
    [
        ("UPDATE run SET seed = 99", "run {}", "it was changed after it was put"),
        ("UPDATE batch SET last_idx = 77", "samples {}/0 to 77", "their batch was changed after it was put"),
        ("UPDATE outbox SET digest = sha256('x')", "run {}", "it was changed after it was put"),
        ("UPDATE outbox SET kind = 'key'", "run {}", "it is not in the ledger"),
        ("DELETE FROM outbox", "run {}", "it is not in the ledger"),
        ("DELETE FROM run_end", "end {}, which waits to enter the ledger", "it is gone from the store"),
    ],
)
def test_a_change_of_what_waits_is_found(
    writer: SQLStore, behind: psycopg.Connection, change: str, where: str, trouble: str
) -> None:
    run = make_run()
    writer.put_run(run)
    writer.put_samples([make_record(run, index) for index in range(3)])
    writer.finish_run(run.id, "finished")
    behind.execute(change)
    assert Finding(where=where.format(run.id), trouble=trouble) in list(writer.verify())


def test_who_writes_sequences_what_has_waited_for_the_interval(store: SQLStore) -> None:
    run = make_run()
    store.put_run(run)
    assert waiting(store) != []
    time.sleep(0.15)
    store.put_samples([make_record(run, 0)])
    assert waiting(store) == []
    with store.database.reading() as connection:
        assert size(connection) == 3


def test_closing_a_store_sequences_the_rest(team_url: str, store: SQLStore) -> None:
    with closing(SQLStore(team_url)) as other:
        other.put_run(make_run())
    assert waiting(store) == []


def test_tiles_are_made_of_many_entries_at_once_as_of_single_ones(writer: SQLStore, store: SQLStore) -> None:
    with writer.database.writing() as connection:
        for number in range(600):
            writer.ledger.append(connection, "a kind of later", str(number), bytes(32))
    assert database_of(store).drain() == 600
    with store.database.reading() as connection:
        leaves = connection.execute(select(log_entry.c.leaf).order_by(log_entry.c.seq)).scalars().all()
        tiles = connection.execute(select(log_tile.c.idx, log_tile.c.hashes).order_by(log_tile.c.idx)).all()
        assert ledger.state(connection).edge.root == merkle.root(leaves)
    assert [tuple(tile) for tile in tiles] == [(i, b"".join(leaves[i * 256 : i * 256 + 256])) for i in (0, 1)]
    assert list(store.verify()) == []


def test_a_new_key_signs_what_waits_and_the_old_one_vouches_for_it(writer: SQLStore, store: SQLStore) -> None:
    run = make_run()
    store.put_run(run)
    writer.put_samples([make_record(run, 0)])
    with store.database.writing() as connection:
        new = store.ledger.rotate(connection, "a year has passed")
    store.put_samples([make_record(run, 1)])
    assert list(store.verify()) == list(store.verify(keys=[str(new)])) == []
    with store.database.reading() as connection:
        kinds = connection.execute(select(log_entry.c.kind).order_by(log_entry.c.seq)).scalars().all()
    assert sorted(kinds) == ["key", "key", "run", "samples", "samples"]


def test_who_finds_the_lock_taken_leaves_the_work(store: SQLStore, server: Server, team: str) -> None:
    store.put_run(make_run())
    with server.connect(team) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        assert database_of(store).drain() == 0
        assert len(waiting(store)) == 1
        other.execute("SELECT pg_advisory_unlock(%s)", (LOCK,))
        assert database_of(store).drain() == 1


def test_sequencers_that_race_number_each_entry_once(team_url: str, writer: SQLStore, store: SQLStore) -> None:
    run = make_run()
    writer.put_run(run)
    ended = threading.Event()
    counts: list[int] = []

    def sequence() -> None:
        with closing(SQLStore(team_url)) as other:
            count = 0
            while not ended.is_set():
                count += database_of(other).drain()
            counts.append(count + database_of(other).drain())

    threads = [threading.Thread(target=sequence) for _ in range(3)]
    for thread in threads:
        thread.start()
    for start in range(0, 300, 3):
        writer.put_samples([make_record(run, start + index) for index in range(3)])
    ended.set()
    for thread in threads:
        thread.join()
    database_of(store).drain(patient=True)
    assert len([count for count in counts if count]) > 1, "one alone sequenced, so none raced"
    assert sum(counts) <= 101
    assert waiting(store) == list(store.verify()) == []
    with store.database.reading() as connection:
        assert size(connection) == 102


def test_a_sequencer_beside_the_lock_is_stopped_by_the_fence(
    store: SQLStore, writer: SQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who believes to hold the lock, and does not, cannot commit a head beside that of another."""
    writer.put_run(make_run())

    def overtaken(*_: object) -> None:
        monkeypatch.undo()
        with writer.database.writing() as other:
            other.exec_driver_sql("UPDATE log_frontier SET fence = fence + 1")

    monkeypatch.setattr(Signer, "check", overtaken)
    with pytest.raises(StoreError, match=r"moved on by another process while this one did. Repeat; nothing is lost"):
        database_of(store).drain()
    assert len(waiting(store)) == 1
    assert database_of(store).drain() == 1
    assert list(store.verify()) == []


def test_nothing_is_signed_that_contradicts_the_last_head(store: SQLStore, behind: psycopg.Connection) -> None:
    store.put_run(make_run())
    behind.execute("UPDATE log_frontier SET hashes = sha256('x')")
    with pytest.raises(StoreError, match=r"that is of 1 entries with another root than its 1 have"):
        database_of(store).drain()
    assert len(waiting(store)) == 1
    behind.execute("UPDATE log_frontier SET note = 'x'")
    with pytest.raises(StoreError, match="from its signed head, which is damaged"):
        database_of(store).drain()


_STOPPED = """
import os, signal, sys
from genwright.errors import StoreError
from genwright_storage.signing import Signer
from genwright_storage.store import SQLStore

store = SQLStore(sys.argv[1])
check = Signer.check

def stop(*given):
    check(*given)
    os.kill(os.getpid(), signal.SIGSTOP)

Signer.check = stop
store.ledger.stall = 500
try:
    store.database.drain()
except StoreError as error:
    print(error, flush=True)
"""


def test_a_sequencer_that_was_stopped_does_not_contradict_the_next(
    team_url: str, writer: SQLStore, store: SQLStore
) -> None:
    run = make_run()
    writer.put_run(run)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    stopped = subprocess.Popen(
        [sys.executable, "-c", _STOPPED, team_url], stdout=subprocess.PIPE, text=True, env=environment
    )
    os.waitid(os.P_PID, stopped.pid, os.WSTOPPED | os.WNOWAIT)
    assert database_of(store).drain() == 0, "the one that stopped should hold the lock"
    assert database_of(store).drain(patient=True) == 1
    writer.put_samples([make_record(run, 0)])
    assert database_of(store).drain() == 1
    os.kill(stopped.pid, signal.SIGCONT)
    out, _ = stopped.communicate(timeout=30)
    assert "its server ended the connection" in out
    assert waiting(store) == list(store.verify()) == []
    with store.database.reading() as connection:
        assert size(connection) == 3
        kept = connection.execute(select(note).order_by(note.c.size)).all()
    assert [row.fence for row in kept] == sorted({row.fence for row in kept})
    assert [Head.parse(Note.parse(row.body).text).size for row in kept] == [row.size for row in kept]
