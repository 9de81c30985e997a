"""The partitions of the samples in PostgreSQL: by run, so that old ones can be moved or detached as a whole.

They are made ahead of the runs. Where nobody with the right to make tables came by in time, samples go to the default
partition, and the next one begins after their runs.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from genwright_storage.triggers import truncation_trigger

__all__ = ["RUNS", "extend", "first_partitions"]

RUNS = 4096
"""In one partition."""

_END = """
SELECT coalesce(max(substring(relname FROM '^sample_until_([0-9]+)$')::bigint), 1)
FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'public.sample'::regclass
"""
# The last number that was given out, also to a run that is not committed yet.
_NEWEST = "SELECT coalesce(pg_sequence_last_value(pg_get_serial_sequence('public.run', 'id')::regclass), 0)"


def first_partitions() -> Iterator[str]:
    """Yield the statements that make the first partition, and the default one."""
    yield "CREATE TABLE sample_rest PARTITION OF sample DEFAULT"
    yield truncation_trigger("sample_rest")
    yield from _partition(1, 1 + RUNS)


def extend(connection: Connection) -> bool:
    """Make the next partition if half of the last is used, and return whether that was so.

    The user owns the tables. Who reads or writes samples waits meanwhile, for at most a fifth of a second.
    """
    end = connection.exec_driver_sql(_END).scalar_one()
    newest = connection.exec_driver_sql(_NEWEST).scalar_one()
    if newest < end - RUNS // 2:
        return False
    connection.exec_driver_sql("SET LOCAL lock_timeout = '200ms'")
    start = max(end, newest + 1)
    for statement in _partition(start, start + RUNS):
        connection.exec_driver_sql(statement)
    return True


def _partition(start: int, end: int) -> Iterator[str]:
    yield f"CREATE TABLE sample_until_{end} PARTITION OF sample FOR VALUES FROM ({start}) TO ({end})"
    yield truncation_trigger(f"sample_until_{end}")
