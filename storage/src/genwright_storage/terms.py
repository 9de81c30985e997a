"""What holds from one entry of the ledger to another: legal holds, retention rules and roles."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from sqlalchemy import Connection, Select, Table, insert, select, update

from genwright.errors import UnknownName, UsageError
from genwright.store import check_plain
from genwright_storage import actors, encoding, queries
from genwright_storage.tables import actor

if TYPE_CHECKING:
    from genwright_storage.database import Log

__all__ = ["Term", "given_reason"]

_placer, _ender, _holder = actor.alias(), actor.alias(), actor.alias()


@final
@dataclass(frozen=True, kw_only=True)
class Term:
    """A kind of thing that is placed and later ended, each by an entry of the ledger.

    placed, ended: the kinds of those entries
    fields:        the columns that say what it is; `holder` is the actor of `actor_id`
    ref:           which of them the entries show
    """

    table: Table
    placed: str
    ended: str
    fields: tuple[str, ...]
    ref: str = "scope"

    def place(self, connection: Connection, ledger: Log, values: Mapping[str, Any], **holder: str) -> int:
        """Record one and return its id."""
        by = actors.current()
        row = {**values, "placed_by": actors.actor_key(connection, by), "placed_ns": time.time_ns()}
        content = self.placed_digest({**row, **holder, "placer": by.subject})
        row["seq"] = ledger.append(connection, self.placed, row[self.ref], content)
        return int(connection.execute(insert(self.table).returning(self.table.c.id), row).scalar_one())

    def end(self, connection: Connection, ledger: Log, id: int, reason: str) -> None:
        """Record that one ends. Raises UnknownName if there is none, UsageError if it ended before."""
        row = connection.execute(self._rows().where(self.table.c.id == id)).first()
        if row is None:
            raise UnknownName(self.placed, str(id), [str(one.id) for one in self.rows(connection, active=True)])
        if row.ended_ns is not None:
            raise UsageError(f"{self.placed} {id} was to end; it ended before, by {row.ender}. There is nothing to do.")
        by = actors.current()
        values = {"ended_by": actors.actor_key(connection, by), "ended_reason": reason, "ended_ns": time.time_ns()}
        content = self.ended_digest(row._asdict() | values | {"ender": by.subject})
        values["ended_seq"] = ledger.append(connection, self.ended, getattr(row, self.ref), content)
        connection.execute(update(self.table).where(self.table.c.id == id), values)

    def rows(self, connection: Connection, *, active: bool = False) -> Sequence[Any]:
        """Return all, or those that have not ended, with `placer`, `ender` and `holder`, in the order of placing."""
        query = self._rows().order_by(self.table.c.id)
        return connection.execute(query.where(self.table.c.ended_ns.is_(None)) if active else query).all()

    def placings(self, connection: Connection) -> Iterator[tuple[str, bytes, Any]]:
        """Yield each with what the ledger should commit to for its placing."""
        for row in connection.execute(queries.with_entry(self._rows(), self.table.c.seq)):
            yield f"{self.placed} {row.id}", self.placed_digest(row._asdict()), row

    def endings(self, connection: Connection) -> Iterator[tuple[str, bytes, Any]]:
        """Yield each that ended, or says anything of an end, with what the ledger should commit to for that."""
        for row in connection.execute(queries.with_entry(self._rows(), self.table.c.ended_seq)):
            if (row.ended_by, row.ended_reason, row.ended_ns, row.ended_seq) != (None, None, None, None):
                yield f"end of {self.placed} {row.id}", self.ended_digest(row._asdict()), row

    def placed_digest(self, row: Mapping[str, Any]) -> bytes:
        """Return what the ledger commits to for a placing; `placer` and `holder` are the names of actors."""
        said = [row[name] for name in self.fields]
        return encoding.digest(f"genwright/{self.placed}/v1", *said, row["placer"], row["placed_ns"])

    def ended_digest(self, row: Mapping[str, Any]) -> bytes:
        """Return what the ledger commits to for an end; `ender` is the name of an actor."""
        said = (row["ender"], row["ended_reason"], row["ended_ns"])
        return encoding.digest(f"genwright/{self.ended}/v1", self.placed_digest(row), *said)

    def _rows(self) -> Select[Any]:
        table = self.table
        query = select(table, _placer.c.subject.label("placer"), _ender.c.subject.label("ender"))
        query = query.outerjoin(_placer, _placer.c.id == table.c.placed_by)
        query = query.outerjoin(_ender, _ender.c.id == table.c.ended_by)
        if "actor_id" in table.c:
            query = query.add_columns(_holder.c.subject.label("holder"))
            query = query.outerjoin(_holder, _holder.c.id == table.c.actor_id)
        return query


def given_reason(reason: str) -> str:
    """Return a reason that was given. Raises UsageError for an empty one, StoreError for one that is no plain text."""
    check_plain("a reason", reason)
    if not reason.strip():
        raise UsageError("a reason says to an auditor why this was done; got an empty one. Give it in a few words.")
    return reason.strip()
