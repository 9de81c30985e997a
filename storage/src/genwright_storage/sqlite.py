"""A store in an SQLite file: how it is opened, recognised, made, and brought up to date."""

from __future__ import annotations

import glob
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, final
from urllib.parse import quote

from sqlalchemy import Column, Connection, Select, create_engine, event, func, select
from sqlalchemy.pool import QueuePool

from genwright.errors import StoreError, StoreReadOnly
from genwright.folders import store_file
from genwright_storage import queries
from genwright_storage.database import Reading
from genwright_storage.durable import make_private, make_private_file
from genwright_storage.errors import foreign, read_only, translated
from genwright_storage.guard import Guard
from genwright_storage.keys import KeyRing
from genwright_storage.ledger import Ledger, new_origin, state
from genwright_storage.migrations import HEAD, is_current, migration
from genwright_storage.mounts import file_system, is_remote
from genwright_storage.roles import Gated, Role
from genwright_storage.rows import BatchRow, SampleRow, batch_row
from genwright_storage.tables import metadata
from genwright_storage.triggers import sqlite_triggers

__all__ = ["APPLICATION", "SQLiteDatabase"]

# "Gnwr": by this number `file` and other programs tell whose an SQLite database is.
APPLICATION = 0x476E7772
FORMAT = 1

_ANY_STORED = "SELECT 1 FROM sample WHERE run_id = ? AND idx BETWEEN ? AND ? LIMIT 1"
_BATCH = f"INSERT INTO batch (run_id, {', '.join(BatchRow._fields)}, seq) VALUES (?, ?, ?, ?, ?, ?, ?)"
_PRAGMAS = (
    # With synchronous=NORMAL a power cut loses acknowledged rows (147 of 200 simulated cuts); with FULL it lost none.
    "synchronous=FULL",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "cell_size_check=ON",
    "mmap_size=0",
    "journal_size_limit=67108864",
    "cache_size=-65536",
    # Keys such as InChIKeys fall on random pages of their index; gathering 64 MiB of changes before they are written
    # back to their places made ingest half as fast again (26,000 to 39,000 rows/s on a busy host, 2026-11).
    "wal_autocheckpoint=16384",
)


@final
class SQLiteDatabase(Gated):
    """An SQLite file that is a Genwright store. It is made when it is not there.

    patience: seconds to wait for another process that writes
    ring:     where the key is that signs the ledger
    origin:   the name of the ledger, if the store is to be made

    Raises UsageError for a URL that names no file, StoreError for a file that cannot serve.
    """

    def __init__(self, url: str, *, patience: float, ring: KeyRing | None = None, origin: str | None = None) -> None:
        super().__init__()
        self.path, self.is_writable = _place(url)
        self.url = url
        self.blobs: Path | None = Path(f"{self.path}.blobs")
        self.elsewhere: str | None = f"sqlite:///{quote(str(self.path))}?mode=ro"
        self.has_outbox, self.place = False, str(self.path.resolve())
        self.ledger = Ledger(KeyRing() if ring is None else ring)
        self._origin = origin
        self._patience = patience
        self._guard = Guard(self.path)
        self._engine = create_engine("sqlite://", creator=self._connect, poolclass=QueuePool)
        self._writer = self._engine.execution_options(genwright_writes=True)
        event.listen(self._engine, "begin", _begin)
        try:
            with translated(url):
                self._prepare()
        except BaseException:
            self._engine.dispose()
            raise

    @contextmanager
    def seeing(self) -> Iterator[Connection]:
        """Give a connection as `reading` does, whoever acts: for what the store does of itself."""
        with translated(self.url), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, role: Role | None = "admin") -> Iterator[Connection]:
        """Give a connection that holds the store for writing; all or nothing is written, durably, when it ends.

        role: that whoever acts must have; None for what the store does of itself

        Raises Forbidden if they do not have it.
        """
        with self._alone(), self._writer.begin() as connection:
            self._require(connection, role)
            yield connection

    def indexing(self) -> AbstractContextManager[Connection]:
        """Give a connection as `writing` does, beside which none writes, whoever acts."""
        return self.writing(None)

    @contextmanager
    def erasing(self, role: Role | None = "admin") -> Iterator[Connection]:
        """Give a connection as `writing` does, on which what is removed is overwritten."""
        with self.writing(role) as connection:
            connection.exec_driver_sql("PRAGMA secure_delete=ON").close()
            try:
                yield connection
            finally:
                connection.exec_driver_sql("PRAGMA secure_delete=OFF").close()

    def rewrite(self) -> bool:
        """Write the file anew without traces of what was removed, and empty the log; whether nobody kept it from it."""
        with self._alone(), closing(self._connect()) as connection:
            connection.execute("VACUUM")
            emptied = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return bool(emptied == (0, 0, 0))

    def copies(self) -> Sequence[Path]:
        """Return the copies that migrations made beside the file, also those that they could not end."""
        names = (f"{glob.escape(self.path.name)}.*.backup{ending}" for ending in ("", ".*.part"))
        return sorted(path for name in names for path in self.path.parent.glob(name))

    @contextmanager
    def snapshot(self) -> Iterator[Reading]:
        """Give what reads the store from its beginning to its end: piece by piece, so that the log can be emptied."""
        yield self.reading

    def insert_new(self, run: str, rows: Sequence[SampleRow]) -> bool:
        """Insert a batch of samples, durably; return False, with nothing done, if one of them may be stored already.

        All goes to the driver as it is: for one row a call, SQLAlchemy would take three times the processor time.
        """
        with self._alone(), closing(self._engine.raw_connection()) as pooled:
            raw: Any = pooled.driver_connection
            raw.execute("BEGIN IMMEDIATE")
            try:
                self._gate.require(raw, "generator")
                is_new = self._insert(raw, run, rows)
                raw.execute("COMMIT" if is_new else "ROLLBACK")
            except BaseException:
                # Where no space is left, SQLite has rolled back by itself.
                if raw.in_transaction:
                    raw.execute("ROLLBACK")
                raise
        return is_new

    def _insert(self, raw: Any, run: str, rows: Sequence[SampleRow]) -> bool:
        # A run without a salt was erased.
        key = raw.execute("SELECT id FROM run WHERE uid = ? AND salt <> x''", (run,)).fetchone()
        if key is None:
            return False
        if raw.execute(_ANY_STORED, (*key, rows[0].idx, rows[-1].idx)).fetchone():
            return False
        new = batch_row(rows)
        seq = self.ledger.append_to(raw, "samples", new.ref(run), new.content(run))
        batch = raw.execute(_BATCH, (*key, *new, seq)).lastrowid
        raw.executemany(queries.INSERT_SAMPLES, [(*key, batch, *row) for row in rows])
        return True

    def insert_samples(self, connection: Connection, run: int, batch: int, rows: Sequence[SampleRow]) -> None:
        """Insert the samples of a batch."""
        connection.exec_driver_sql(queries.INSERT_SAMPLES, [(run, batch, *row) for row in rows])

    def tuples(self, connection: Connection, statement: Select[Any], values: Mapping[str, Any]) -> list[Any]:
        """Return the rows of a statement as the driver makes them."""
        cursor = connection.execute(statement, values).cursor
        return list(cursor.fetchall()) if cursor else []

    def horizon(self, id: Column[int]) -> int:
        """Return the largest key in a table."""
        with self.reading() as connection:
            return int(connection.execute(select(func.coalesce(func.max(id), 0))).scalar_one())

    def settle(self) -> None:
        """Do nothing: each entry of the ledger is written with what it is of."""

    def facts(self, connection: Connection) -> Mapping[str, Any]:
        """Return the version of SQLite, and how large the file is."""
        files = [Path(f"{self.path}{ending}") for ending in ("", "-wal")]
        size = sum(path.stat().st_size for path in files if path.exists())
        return {"sqlite": sqlite3.sqlite_version, "bytes": size}

    def copy(self, file: Path) -> None:
        """Write the database as it is now to a file, which is not there yet, for the owner alone."""
        with translated(self.url), closing(self._open()) as source:
            make_private_file(file)
            source.execute("VACUUM INTO ?", (str(file),))

    def close(self) -> None:
        """Let go of the file."""
        # The last connection to be closed empties the log. Where others hold the file for long, that is left to them.
        with (
            suppress(sqlite3.OperationalError),
            self._guard.held(self._patience) if self.is_writable else nullcontext(),
        ):
            self._engine.dispose()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Raise what is refused inside as a StoreError; keep other processes from writing where SQLite needs it."""
        if not self.is_writable:
            raise read_only(self.url)  # SQLite itself notices at the first row
        with translated(self.url), self._guard.held(self._patience):
            yield

    def _connect(self) -> sqlite3.Connection:
        connection = self._open()
        for pragma in ("journal_mode=WAL", *_PRAGMAS) if self.is_writable else _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _open(self) -> sqlite3.Connection:
        mode = "mode=rwc" if self.is_writable else _read_only(self.path)
        return sqlite3.connect(
            f"file:{quote(str(self.path))}?{mode}",
            uri=True,
            timeout=self._patience,
            isolation_level=None,
            check_same_thread=False,
        )

    def _prepare(self) -> None:
        """Make sure that the file is ours and up to date. Nothing is changed in one that is not ours."""
        if is_remote(kind := file_system(self.path)):
            raise StoreError(
                f"a store in SQLite lies on a disk of this machine; {self.path} is on {kind}, where its locks do not "
                "hold. Name a file on a local disk, or a store in PostgreSQL: postgresql+psycopg://USER@HOST/NAME."
            )
        if self.is_writable:
            make_private(self.path.parent)
            make_private_file(self.path)
        elif not self.path.exists():
            raise StoreError(
                f"the store {self.url} is to be read; there is no such file. Name another with --store or "
                "GENWRIGHT_STORE; one is made by the first command that records, such as genwright generate."
            )
        with closing(self._open()) as probe:
            is_new = self._is_new(probe)
        if is_new:
            self._create()
        self._check_revision()

    def _is_new(self, probe: sqlite3.Connection) -> bool:
        (application,) = probe.execute("PRAGMA application_id").fetchone()
        if application == APPLICATION:
            return False
        (tables,) = probe.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application or tables:
            raise foreign(self.url, f"it is an SQLite database of another program, with {tables} tables and indexes")
        if not self.is_writable:
            raise StoreReadOnly(f"the store {self.url} is to be made; it can only be read. Open it for writing once.")
        return True

    def _create(self) -> None:
        with self.writing(None) as connection:
            if _scalar(connection, "SELECT count(*) FROM sqlite_master"):
                return  # another process made it in the meantime
            metadata.create_all(connection, checkfirst=False)
            for statement in sqlite_triggers():
                connection.exec_driver_sql(statement)
            connection.exec_driver_sql("INSERT INTO alembic_version VALUES (?)", (HEAD,))
            connection.exec_driver_sql(f"PRAGMA application_id={APPLICATION}")
            connection.exec_driver_sql(f"PRAGMA user_version={FORMAT}")
            self.ledger.begin(connection, self._origin or new_origin())

    def _check_revision(self) -> None:
        with self.seeing() as connection:
            revision = _scalar(connection, "SELECT version_num FROM alembic_version")
        if is_current(self.url, revision, is_writable=self.is_writable):
            return
        from genwright_storage.migrations.upgrade import upgrade

        upgrade(self._writer, self.path, revision, then=lambda connection: self._migrated(connection, revision))

    def _migrated(self, connection: Connection, revision: str) -> None:
        """Write down in the ledger that the store was migrated; one that had no key yet gets one first."""
        if state(connection).note is None:
            reason = "the first key of this store; what was put before it was not signed then"
            self.ledger.first_key(connection, self._origin or new_origin(), reason)
        self.ledger.append(connection, *migration(revision))


def _place(url: str) -> tuple[Path, bool]:
    """Return the file that a URL names, and whether it can be written."""
    path, is_only_read = store_file(url)
    return path, not is_only_read and _can_be_written(path)


def _can_be_written(path: Path) -> bool:
    """Whether a file can be made or written, and its write-ahead log beside it."""
    nearest = next(folder for folder in path.parents if folder.exists())
    return os.access(nearest, os.W_OK) and (not path.exists() or os.access(path, os.W_OK))


def _read_only(path: Path) -> str:
    """Return how to open a file for reading: one in a folder that cannot be written has no place for its index."""
    in_use = Path(f"{path}-wal").exists()
    return "mode=ro" if in_use or os.access(path.parent, os.W_OK) else "mode=ro&immutable=1"


def _begin(connection: Connection) -> None:
    # A write that begins as a read can fail when it turns into one; taking the lock first, it waits instead.
    writes = connection.get_execution_options().get("genwright_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _scalar(connection: Connection, statement: str) -> Any:
    return connection.exec_driver_sql(statement).scalar()
