"""How many samples a second four processes put into PostgreSQL, beside psycopg's COPY of the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from sqlalchemy import create_engine, select

from benchmarks.cases.store import ingest
from benchmarks.peers.postgresql import NoServer, Server, server
from benchmarks.rates import Spent, rate_row, rates
from benchmarks.row import Row, at_least
from benchmarks.setting import Setting
from benchmarks.stored import BATCH, kept_keys, records
from benchmarks.writers import WRITERS, copying, putting, together
from genwright.store import open_store
from genwright.testing.stores import make_run
from genwright_storage import tables

__all__ = ["TESTS", "rows"]

TESTS = ingest.TESTS
_SECTION = "postgresql"
_TARGET = at_least(30_000)


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the rate of `put_samples` by four writers, or why there is none; and that of COPY."""
    try:
        with server() as found, kept_keys(setting.scratch):
            yield from _measured(found, setting)
    except NoServer as error:
        yield _unmeasured(setting, str(error))


def _measured(found: Server, setting: Setting) -> Iterator[Row]:
    peer = f"psycopg COPY, PostgreSQL {found.version}"
    note = (
        f"{peer}: the same rows, leaf and digest ready, into the same table and indexes, one commit a batch, no "
        "evidence. Its default configuration, with `fsync` on; the processor time is that of the writers, without the "
        "server's, which shares the cores with them."
    )
    work: dict[str, Callable[[], Spent]] = {
        "ours": lambda: _put(found, setting.rows),
        peer: lambda: _copied(found, setting.rows),
    }
    rate = rates(work, rounds=setting.scaled(5, 3))
    yield rate_row(_SECTION, _name(setting.rows), rate, target=_TARGET, note=note)


def _name(count: int) -> str:
    return f"PostgreSQL, `put_samples` of {BATCH:,} records a call by {WRITERS} processes, {count:,} rows"


def _unmeasured(setting: Setting, note: str) -> Row:
    return Row(
        section=_SECTION, name=_name(setting.rows), value=None, unit="rows/s", target=_TARGET, note=f"Not made: {note}"
    )


def _store_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@contextmanager
def _database(found: Server) -> Iterator[str]:
    url = found.database("measured")
    try:
        yield url
    finally:
        found.drop("measured")


def _put(found: Server, count: int) -> Spent:
    with _database(found) as url:
        with closing(open_store(_store_url(url))) as store:
            run = make_run()
            store.put_run(run)
        return together(putting(_store_url(url), run.id), count)


def _copied(found: Server, count: int) -> Spent:
    with _database(found) as url:
        run = make_run()
        run_id, batch_id = _by_the_store(url, run.id, count)
        return together(copying(url, run.id, run_id, batch_id), count)


def _by_the_store(url: str, run: str, index: int) -> tuple[int, int]:
    """Have the store make its tables, and return the keys of a run and a batch in them for the rows to be of."""
    with closing(open_store(_store_url(url))) as store:
        store.put_run(make_run(id=run))
        store.put_samples(records(run, 1, index))
    engine = create_engine(_store_url(url))
    with engine.begin() as connection:
        run_id, batch_id = connection.execute(select(tables.sample.c.run_id, tables.sample.c.batch_id)).one()
    engine.dispose()
    return run_id, batch_id
