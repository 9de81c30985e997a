from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from genwright.testing.stores import make_record, make_run
from genwright_storage import partitions
from genwright_storage.postgresql import PostgreSQLDatabase
from genwright_storage.store import SQLStore
from tests.storage.server import Server


@pytest.fixture
def database(server: Server) -> Iterator[str]:
    with server.database() as name:
        yield name


def _partitions(connection: psycopg.Connection) -> dict[str, int]:
    """Return how many samples are in each."""
    found = connection.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'sample'::regclass")
    names = sorted(name for (name,) in found.fetchall())
    return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}


def _put(store: SQLStore) -> None:
    run = make_run()
    store.put_run(run)
    store.put_samples([make_record(run, 0)])


def test_partitions_are_made_ahead_of_the_runs_and_what_came_too_early_stays_whole(
    server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "RUNS", 4)
    with closing(SQLStore(server.url(database))) as store, server.connect(database) as connection:
        assert isinstance(store.database, PostgreSQLDatabase)
        assert not store.database.extend()
        for _ in range(6):
            _put(store)
        assert _partitions(connection) == {"sample_rest": 2, "sample_until_5": 4}
        # The two runs in the default partition keep their place: the next partition begins after them.
        assert store.database.extend()
        for _ in range(3):
            _put(store)
        assert _partitions(connection) == {"sample_rest": 2, "sample_until_5": 4, "sample_until_11": 3}
        assert len(list(store.samples())) == 9
        assert list(store.verify()) == []
        with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="sample_until_11"):
            connection.execute("TRUNCATE sample_until_11")


def test_a_partition_that_is_in_the_way_of_others_is_left_for_later(
    server: Server, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "RUNS", 4)
    with closing(SQLStore(server.url(database))) as store, server.connect(database) as other:
        assert isinstance(store.database, PostgreSQLDatabase)
        for _ in range(4):
            _put(store)
        with other.transaction():
            other.execute("SELECT count(*) FROM sample")
            assert not store.database.extend()
        assert store.database.extend()
