"""A store in PostgreSQL, for a team: how it is reached, recognised, made, and brought up to date."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, final

from sqlalchemy import Column, Connection, Engine, Select, create_engine, event, func, select

from genwright.errors import KeyMissing, StoreError, StoreLocked, StoreReadOnly
from genwright_storage.address import Address
from genwright_storage.database import Reading
from genwright_storage.errors import Overtaken, foreign, locked, read_only, translated
from genwright_storage.grants import INDEX, make_roles
from genwright_storage.keys import KeyRing
from genwright_storage.kinds import ERASABLE
from genwright_storage.ledger import new_origin
from genwright_storage.migrations import HEAD, is_current, migration
from genwright_storage.partitions import extend, first_partitions
from genwright_storage.roles import Gated, Role
from genwright_storage.rows import BatchRow, SampleRow, batch_row
from genwright_storage.sequencer import LOCK, MOST, Sequencer
from genwright_storage.tables import metadata, of_server, sample
from genwright_storage.triggers import triggers

__all__ = ["INTERVAL", "PostgreSQLDatabase", "make_tables"]

INTERVAL = 0.1
"""Seconds after which what waits in the outbox is sequenced by the next who writes."""

# A sample's key is that of its batch, then its place in there: those of a batch follow one another.
_PLACES = 24
_COPY = f"COPY sample (id, run_id, batch_id, {', '.join(SampleRow._fields)}) FROM STDIN"

_BATCH = f"""
WITH entry AS (INSERT INTO outbox (kind, ref, digest, created_ns) VALUES (%s, %s, %s, %s) RETURNING id)
INSERT INTO batch (run_id, {", ".join(BatchRow._fields)}, seq)
SELECT run.id, %s, %s, %s, %s, %s, -entry.id FROM run, entry WHERE run.uid = %s AND run.salt <> ''
RETURNING run_id, id
"""

# Advisory locks: of who makes a store; that writers share and who erases has alone; of who changes the index.
_MAKING, _WRITING, _INDEXING = LOCK + 1, LOCK + 2, LOCK + 3
_PATIENCE = 1.0
"""Seconds that a search waits to bring the index up to date; else it goes on without."""

# Who puts to a table has this lock on it from before a key is given out until what was put is committed.
_WRITERS = """
SELECT virtualtransaction FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE datname = current_database() AND relation = %s::regclass AND mode = 'RowExclusiveLock' AND granted
"""

_OURS = "SELECT to_regclass('public.alembic_version') IS NOT NULL AND to_regclass('public.log_frontier') IS NOT NULL"
_OTHERS = """
SELECT count(*) FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND nspname !~ '^pg_' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
"""
_RIGHTS = """
SELECT NOT pg_is_in_recovery() AND (has_table_privilege('outbox', 'INSERT') OR has_table_privilege('outbox', 'DELETE')),
  has_table_privilege('outbox', 'DELETE') AND has_table_privilege('log_frontier', 'UPDATE')
    AND has_table_privilege('log_entry', 'INSERT'),
  pg_has_role((SELECT relowner FROM pg_class WHERE oid = 'sample'::regclass), 'USAGE')
"""
_OLDEST = "SELECT created_ns FROM outbox ORDER BY id LIMIT 1"
_FACTS = """
SELECT current_setting('server_version'), pg_database_size(current_database()), (SELECT count(*) FROM outbox)
"""


@final
class PostgreSQLDatabase(Gated):
    """A database of a PostgreSQL server that is a Genwright store. It is made when there is nothing in it.

    patience: seconds to wait for another process that writes the same
    ring:     where the key is that signs the ledger; who has none writes, and leaves signing to others
    origin:   the name of the ledger, if the store is to be made
    is_owner: whether this user owns the tables, and may make partitions

    Raises UsageError for a URL that names no database, StoreError for one that cannot serve.
    """

    def __init__(self, url: str, *, patience: float, ring: KeyRing | None = None, origin: str | None = None) -> None:
        super().__init__()
        self._address = Address.parse(url)
        self.url, self.is_writable = self._address.shown, not self._address.is_only_read
        self.blobs: Path | None = None
        self.elsewhere: str | None = None
        self.has_outbox, self.place = True, self.url.partition("?")[0]
        self.ledger = Sequencer(KeyRing() if ring is None else ring)
        self._origin = origin
        self.is_owner = False
        self._sequences, self._next, self._turn = False, 0.0, threading.Lock()
        self._engine = _engine(self._address, patience)
        self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        try:
            with translated(self.url):
                self._prepare()
        except BaseException:
            self._engine.dispose()
            raise

    @contextmanager
    def seeing(self) -> Iterator[Connection]:
        """Give a connection as `reading` does, whoever acts: for what the store does of itself."""
        with translated(self.url), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, role: Role | None = "admin") -> Iterator[Connection]:
        """Give a connection that writes; all or nothing is written, durably, when it ends.

        role: that whoever acts must have; None for what the store does of itself

        Raises Forbidden if they do not have it, Overtaken where another process put the same meanwhile.
        """
        with self._locking("pg_advisory_xact_lock_shared", role) as connection:
            yield connection

    @contextmanager
    def indexing(self) -> Iterator[Connection]:
        """Give a connection as `writing` does, while no other indexes or erases. Raises StoreLocked if one goes on."""
        with self.writing(None) as connection:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(_PATIENCE * 1000)}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_INDEXING})")
            yield connection

    @contextmanager
    def erasing(self, role: Role | None = "admin") -> Iterator[Connection]:
        """Give a connection as `writing` does, when all writes in progress have ended; new ones wait for it.

        What is removed is overwritten later, by `rewrite`. Raises StoreLocked where a write takes too long.
        """
        with self._locking("pg_advisory_xact_lock", role) as connection:
            yield connection

    def rewrite(self) -> bool:
        """Write the tables anew without traces of what was removed; False where this user may not.

        What the server's log has of it goes when that is recycled.
        """
        if not self.is_owner:
            return False
        with translated(self.url), self._engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            for table in (*ERASABLE, *INDEX):
                alone.exec_driver_sql(f"VACUUM FULL {table}")
        return True

    def copies(self) -> Sequence[Path]:
        """Return nothing: dumps lie where who made them put them."""
        return ()

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        """Give what reads the store as it is now from its beginning to its end, in constant memory."""
        with translated(self.url), self._reader.connect() as connection, connection.begin():
            streaming = connection.execution_options(stream_results=True, max_row_buffer=2000)

            @contextmanager
            def reading() -> Iterator[Connection]:
                yield streaming

            yield reading

    def insert_new(self, run: str, rows: Sequence[SampleRow]) -> bool:
        """Insert a batch of samples, durably; return False, with nothing done, if one of them may be stored already.

        It asks nothing first: the server refuses what is there already. That takes five exchanges with it.
        """
        new = batch_row(rows)
        entry = ("samples", new.ref(run), new.content(run), time.time_ns())
        try:
            with self.writing("generator") as connection:
                raw: Any = connection.connection.driver_connection
                found = raw.execute(_BATCH, (*entry, *new, run)).fetchone()
                if found is None:
                    raise Overtaken(f"the run {run} should be put before its samples; it is not there.")
                run_key, batch_key = found
                self.insert_samples(connection, run_key, batch_key, rows)
        except Overtaken:
            return False
        return True

    def insert_samples(self, connection: Connection, run: int, batch: int, rows: Sequence[SampleRow]) -> None:
        """Insert the samples of a batch by COPY, four times as fast as INSERT (24,000 to 100,000 rows/s, 2026-11)."""
        if len(rows) >> _PLACES:
            raise StoreError(
                f"a batch holds fewer than {1 << _PLACES:,} samples; got {len(rows):,}. Put them in parts."
            )
        raw: Any = connection.connection.driver_connection
        first = batch << _PLACES
        with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
            for place, row in enumerate(rows):
                copy.write_row((first + place, run, batch, *row))

    def tuples(self, connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[Any]:
        """Return the rows of a statement as the driver makes them, sent in binary: bytes take half as long so."""
        raw: Any = connection.connection.driver_connection
        compiled = statement.compile(dialect=connection.dialect)
        with raw.cursor(binary=True) as cursor:
            return list(cursor.execute(str(compiled), compiled.construct_params(dict(values))).fetchall())

    def horizon(self, id: Column[int]) -> int:
        """Return the largest key in a table that is put to. It waits for the writes in progress: keys are given out in
        one order and committed in another. Who begins to write meanwhile is given a larger one, and waits for nothing.

        Raises StoreLocked if that takes longer than a second.
        """
        with translated(self.url), self._engine.connect() as connection:
            alone = connection.execution_options(isolation_level="AUTOCOMMIT")
            largest = int(alone.execute(select(func.coalesce(func.max(id), 0))).scalar_one())
            # The key of a sample is that of its batch.
            table, end = ("batch" if id is sample.c.id else id.table.name,), time.monotonic() + _PATIENCE
            writers = set(alone.exec_driver_sql(_WRITERS, table).scalars())
            while writers:
                if time.monotonic() > end:
                    raise locked(self.url)
                time.sleep(0.005)
                writers &= set(alone.exec_driver_sql(_WRITERS, table).scalars())
            return largest

    def settle(self) -> None:
        """Bring what waits in the outbox into the ledger, if this process may and has the key; else leave it there."""
        if self._sequences:
            with suppress(StoreError):
                self.drain(patient=True)

    def drain(self, *, patient: bool = False) -> int:
        """Bring what waits in the outbox into the ledger, and return how many entries that was.

        patient: wait for another process that does; else leave the work to it

        Raises KeyMissing if the key of the store is not on this machine, StoreError if the ledger is damaged.
        """
        total = 0
        while True:
            with translated(self.url), self._engine.begin() as connection:
                count = self.ledger.drain(connection, patient=patient)
            total += count
            if count < MOST:
                return total

    def extend(self) -> bool:
        """Make the next partition of the samples if it is time and nobody is in the way, and return whether it was.

        Without it, samples go to the default one.
        """
        with suppress(StoreLocked, Overtaken), translated(self.url), self._engine.begin() as connection:
            return extend(connection)
        return False

    def facts(self, connection: Connection) -> Mapping[str, Any]:
        """Return the version of PostgreSQL, how large the database is, and how many entries wait for the sequencer."""
        version, size, pending = connection.exec_driver_sql(_FACTS).one()
        return {"postgresql": version, "bytes": size, "pending": pending}

    def close(self) -> None:
        """Bring what waits into the ledger, and let go of the server."""
        self.settle()
        self._engine.dispose()

    @contextmanager
    def _locking(self, lock: str, role: Role | None) -> Iterator[Connection]:
        """Give a connection that writes, under the lock of writers, shared or not."""
        if not self.is_writable:
            raise read_only(self.url)
        with translated(self.url), self._engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT {lock}({_WRITING})")
            self._require(connection, role)
            yield connection
        self._drain_soon()

    def _drain_soon(self) -> None:
        """Sequence what waits for longer than the interval, unless another thread or process does; never raise."""
        if not self._sequences or time.monotonic() < self._next or not self._turn.acquire(blocking=False):
            return
        try:
            self._next = time.monotonic() + INTERVAL
            with translated(self.url), self._engine.begin() as connection:
                oldest = connection.exec_driver_sql(_OLDEST).scalar()
                # By the clock of who wrote it: one that goes ahead must not keep it waiting.
                if oldest is not None and not 0 <= time.time_ns() - oldest < INTERVAL * 1e9:
                    self.ledger.drain(connection)
        except KeyMissing:
            self._sequences = False
        except StoreError:
            pass  # What was written is safe; it is numbered by the next who can.
        finally:
            self._turn.release()

    def _prepare(self) -> None:
        """Make sure that the database is ours and up to date. Nothing is changed in one that is not ours."""
        with self.seeing() as connection:
            self._check_server(connection)
            is_new = self._is_new(connection)
        if is_new:
            self._create()
        with self.seeing() as connection:
            may_write, may_sequence, self.is_owner = connection.exec_driver_sql(_RIGHTS).one()
        self.is_writable = self.is_writable and may_write
        self._check_revision()
        self._sequences = self.is_writable and may_sequence
        if self.is_writable and self.is_owner:
            self.extend()

    def _check_server(self, connection: Connection) -> None:
        version, encoding = connection.exec_driver_sql(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')"
        ).one()
        if version < 130000 or encoding != "UTF8":
            raise StoreError(
                f"a store needs PostgreSQL 13 or later and a database in UTF8; {self.url} is of version "
                f"{version // 10000} in {encoding}. Make another: createdb --encoding=UTF8 --template=template0 NAME."
            )

    def _is_new(self, connection: Connection) -> bool:
        if connection.exec_driver_sql(_OURS).scalar_one():
            return False
        if tables := connection.exec_driver_sql(_OTHERS).scalar_one():
            raise foreign(self.url, f"it is a database of another program, with {tables} tables and views")
        if not self.is_writable:
            raise StoreReadOnly(f"the store {self.url} is to be made; it can only be read. Open it for writing once.")
        return True

    def _create(self) -> None:
        with self._engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MAKING})")
            if connection.exec_driver_sql(_OURS).scalar_one():
                return  # another process made it in the meantime
            make_tables(connection)
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (%s)", (HEAD,))
            self.ledger.begin(connection, self._origin or new_origin())
            make_roles(connection)

    def _check_revision(self) -> None:
        with self.seeing() as connection:
            revision = connection.exec_driver_sql("SELECT version_num FROM public.alembic_version").scalar_one()
        if is_current(self.url, revision, is_writable=self.is_writable):
            return
        if not self.is_owner:
            raise StoreReadOnly(
                f"the store {self.url} of revision {revision} is to be brought to {HEAD}; that is for the owner of its "
                "tables. Have it opened by them once."
            )
        from genwright_storage.dump import dump
        from genwright_storage.migrations.upgrade import migrate

        dump(self._address, revision)
        migrate(self._engine, then=lambda connection: self.ledger.append(connection, *migration(revision)))


def make_tables(connection: Connection) -> None:
    """Make all tables, with their indexes, triggers and first partitions."""
    metadata.create_all(connection, checkfirst=False)
    of_server.create_all(connection, checkfirst=False)
    raw: Any = connection.connection.driver_connection
    for statement in (*triggers(), *first_partitions()):
        raw.execute(statement)


def _engine(address: Address, patience: float) -> Engine:
    try:
        engine = create_engine(address.url, pool_pre_ping=True, connect_args=address.defaults)
    except ModuleNotFoundError as error:
        raise StoreError(
            f"a store in PostgreSQL needs the package psycopg; {error.name} is not installed. "
            "Run: pip install 'genwright-storage[postgresql]'."
        ) from error
    settings = [
        "SET search_path = public, pg_temp",
        f"SET lock_timeout = {round(patience * 1000)}",
        # Some servers are set to acknowledge what is not on the disk yet.
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
        *(["SET default_transaction_read_only = on"] if address.is_only_read else []),
    ]

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        connection.autocommit = True
        connection.execute("; ".join(settings))
        connection.autocommit = False

    return engine
