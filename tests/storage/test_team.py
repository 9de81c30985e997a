"""What is erased, held, reviewed and granted in PostgreSQL, where entries wait for the sequencer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import sleep
from typing import Any

import psycopg
import pytest
from sqlalchemy import select

from genwright.errors import Erased, Forbidden, StoreError, StoreLocked
from genwright.run import Run
from genwright.store import Score
from genwright.testing.stores import make_record, make_run
from genwright_storage import actors, erasure, holds, retention, reviews, roles
from genwright_storage.evidence import prove
from genwright_storage.keys import KeyRing
from genwright_storage.notes import VerifierKey
from genwright_storage.postgresql import PostgreSQLDatabase
from genwright_storage.store import SQLStore
from genwright_storage.tables import signing_key


@pytest.fixture
def store(team_url: str) -> Iterator[SQLStore]:
    with closing(SQLStore(team_url)) as store:
        yield store


@pytest.fixture
def run(store: SQLStore) -> Run:
    run = make_run(config={"prompt": "secret-config"})
    store.put_run(run)
    records = [make_record(run, index, payload=f"secret-{index:03}".encode(), prompt="secret") for index in range(20)]
    store.put_samples(records)
    store.put_scores(run.id, [Score(metric="qed", value=0.5, detail="secret-detail", index=3)])
    reviews.put(store, {f"{run.id}/{index}": (True, "secret-reason") for index in (3, 4)})
    store.finish_run(run.id, "failed", error="secret-error")
    return run


def _contents(behind: psycopg.Connection, *tables: str) -> str:
    return " ".join(str(row) for table in tables for row in behind.execute(f"SELECT * FROM {table}").fetchall())


def test_a_sample_is_erased_and_the_proofs_of_its_neighbours_hold(store: SQLStore, run: Run) -> None:
    done = erasure.erase(store, [f"{run.id}/3", f"{run.id}/5"], reason="asked for", basis="Art. 17")
    assert (done.samples, done.runs, done.is_complete) == (2, 0, True)
    for index in (3, 5):
        with pytest.raises(Erased, match="asked for"):
            store.sample(f"{run.id}/{index}")
    assert [record.index for record in store.samples()] == [i for i in range(20) if i not in (3, 5)]
    assert list(store.verify()) == []
    with store.database.reading() as connection:
        key = VerifierKey.parse(connection.execute(select(signing_key.c.verifier)).scalar_one())
    assert prove(store, f"{run.id}/4").check([key]).size == store.info()["head"]["size"]


def test_nothing_of_an_erased_run_is_in_its_tables(store: SQLStore, run: Run, behind: psycopg.Connection) -> None:
    tables = ("sample", "run", "run_end", "score", "review")
    assert "secret" in _contents(behind, *tables)
    erasure.erase(store, [run.id], reason="asked for")
    assert list(store.verify()) == []
    assert "secret" not in _contents(behind, *tables)


def test_a_run_is_erased_before_its_entries_are_in_the_ledger(team_url: str, tmp_path: Path) -> None:
    """Who has no key leaves all entries in the outbox."""
    with closing(SQLStore(team_url, ring=KeyRing(tmp_path / "none"))) as writer:
        run = make_run()
        writer.put_run(run)
        writer.put_samples([make_record(run, index) for index in range(5)])
        writer.finish_run(run.id, "finished")
        hold = holds.place(writer, "domain:images", reason="a dispute")
        holds.release(writer, hold, reason="it is settled")
        erasure.erase(writer, [run.id], reason="asked for")
        assert writer.info()["pending"] > 5
        assert list(writer.verify()) == []
    with closing(SQLStore(team_url)) as store:
        assert list(store.verify()) == []
        assert store.info()["pending"] == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE tombstone SET reason = 'another'",
        "DELETE FROM tombstone WHERE kind = 'sample'",
        "UPDATE sample SET prompt = 'x' WHERE idx = 3",
        "UPDATE hold SET reason = 'another'",
        "UPDATE hold SET ended_reason = 'another'",
        "DELETE FROM hold",
        "UPDATE review SET accepted = 0 WHERE idx = 4",
        "DELETE FROM review WHERE idx = 4",
        "UPDATE role_grant SET role = 'viewer'",
        "DELETE FROM retention",
    ],
)
def test_what_is_done_to_tombstones_holds_reviews_rules_and_roles_is_found(
    store: SQLStore, run: Run, behind: psycopg.Connection, change: str
) -> None:
    holds.release(store, holds.place(store, "domain:images", reason="a dispute"), reason="it is settled")
    retention.retain(store, "all", days=365, reason="a rule")
    erasure.erase(store, [f"{run.id}/3"], reason="asked for")
    roles.grant(store, actors.current().subject, "admin")
    assert list(store.verify()) == []
    assert behind.execute(change).rowcount > 0
    behind.commit()
    assert list(store.verify()) != []


def test_holds_forbid_erasing(store: SQLStore, run: Run) -> None:
    id = holds.place(store, f"run:{run.id}", reason="a dispute")
    with pytest.raises(Forbidden, match="a dispute"):
        erasure.erase(store, [f"{run.id}/3"], reason="asked for")
    holds.release(store, id, reason="it is settled")
    assert erasure.erase(store, [f"{run.id}/3"], reason="asked for").samples == 1


def test_a_role_that_was_not_granted_is_refused(store: SQLStore, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    roles.grant(store, actors.current().subject, "admin")
    roles.grant(store, "ada", "generator")
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ada")
    store.put_samples([make_record(run, 99)])
    with pytest.raises(Forbidden, match="this needs the role admin in the store; ada has generator"):
        erasure.erase(store, [f"{run.id}/3"], reason="asked for")
    monkeypatch.setenv("GENWRIGHT_ACTOR", "bob")
    with pytest.raises(Forbidden, match="this needs the role generator in the store; bob has none"):
        store.put_samples([make_record(run, 100)])


def test_whom_the_server_lets_only_generate_cannot_erase(
    login: Callable[[str], str], store: SQLStore, run: Run
) -> None:
    with closing(SQLStore(login("generator"))) as writer:
        writer.put_samples([make_record(run, 50)])
        with pytest.raises(Forbidden):
            erasure.erase(writer, [f"{run.id}/3"], reason="asked for")
        with pytest.raises(Forbidden):
            holds.place(writer, "all", reason="a dispute")
    assert store.sample(f"{run.id}/3").prompt == "secret"
    with closing(SQLStore(login("admin"))) as admin:
        done = erasure.erase(admin, [f"{run.id}/3"], reason="asked for")
        assert (done.samples, done.is_complete) == (1, False)
    with pytest.raises(Erased):
        store.sample(f"{run.id}/3")
    erasure.complete(store)
    assert list(store.verify()) == []


def test_what_an_admin_left_undone_keeps_nobody_from_writing(
    login: Callable[[str], str], store: SQLStore, run: Run, tmp_path: Path
) -> None:
    """Only the owner of the tables can write them anew, and only an admin or they can strike out what is due."""
    with closing(SQLStore(f"{store.url}?blobs={tmp_path}")) as writer:
        writer.put_samples([make_record(run, 40, payload=b"x" * 100_000)])
    with closing(SQLStore(login("admin"))) as admin:
        assert not erasure.erase(admin, [f"{run.id}/3"], reason="asked for").is_complete
        # Where the file is, this process was not told.
        with pytest.raises(StoreError, match="the system could not read or write its file"):
            erasure.erase(admin, [f"{run.id}/40"], reason="asked for")
    for role in ("generator", "reviewer", "auditor", "admin"):
        SQLStore(login(role)).close()
    with closing(SQLStore(login("generator"))) as writer:
        writer.put_samples([make_record(run, 50)])
    with closing(SQLStore(f"{store.url}?blobs={tmp_path}")) as owner:
        assert list(owner.blobs.found()) == []
        assert list(owner.verify()) == []


@pytest.mark.parametrize("whole", [True, False])
def test_an_erasure_waits_for_a_batch_in_progress(
    store: SQLStore, run: Run, monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    """A batch that was committed after its run was erased once stayed, with all that it says."""
    begun, goes_on = threading.Event(), threading.Event()
    insert = PostgreSQLDatabase.insert_samples

    def slow(self: PostgreSQLDatabase, *batch: Any) -> None:
        insert(self, *batch)
        begun.set()
        assert goes_on.wait(20)

    monkeypatch.setattr(PostgreSQLDatabase, "insert_samples", slow)
    targets = [run.id if whole else f"{run.id}/99"]
    with closing(SQLStore(store.url)) as other, ThreadPoolExecutor(2) as threads:
        batch = threads.submit(other.put_samples, [make_record(run, 99)])
        assert begun.wait(20)
        erased = threads.submit(erasure.erase, store, targets, reason="asked for")
        sleep(0.3)
        was_waiting = not erased.done()
        goes_on.set()
        batch.result()
        assert erased.result().samples == (21 if whole else 1)
    assert was_waiting
    assert len(list(store.samples())) == (0 if whole else 20)
    with pytest.raises(Erased):
        store.sample(f"{run.id}/99")
    assert list(store.verify()) == []


def test_who_erases_gives_up_where_a_write_takes_too_long(store: SQLStore, run: Run) -> None:
    with closing(SQLStore(store.url, patience=0.1)) as admin:
        with store.database.writing(), pytest.raises(StoreLocked, match="another process is writing to it"):
            erasure.erase(admin, [f"{run.id}/3"], reason="asked for")
        assert erasure.erase(admin, [f"{run.id}/3"], reason="asked for").samples == 1
