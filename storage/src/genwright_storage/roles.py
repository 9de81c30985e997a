"""Who may do what: roles that an admin grants, and the one place where they are required.

As long as nobody has a role, everybody may do everything: it is the store of one user. Whoever can write the file can
go around this, which the ledger shows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Literal, final, get_args

from sqlalchemy import Connection

from genwright.errors import Forbidden, UsageError, shown
from genwright_storage import actors
from genwright_storage.actors import Actor
from genwright_storage.tables import role_grant
from genwright_storage.terms import Term, given_reason

if TYPE_CHECKING:
    from genwright_storage.store import SQLStore

__all__ = ["GRANTS", "ROLES", "SERVES", "Gate", "Gated", "Role", "grant", "granted", "revoke"]

Role = Literal["viewer", "generator", "reviewer", "auditor", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

SERVES: Mapping[Role, frozenset[Role]] = {
    "viewer": frozenset(ROLES),
    **{role: frozenset({role, "admin"}) for role in ROLES if role != "viewer"},
}
"""Which roles let somebody do what asks for one: all may view, and an admin may do everything."""

GRANTS = Term(table=role_grant, placed="grant", ended="revocation", fields=("holder", "role", "scope"), ref="role")

# Given to the driver as they are: the first runs for every call, and tells whether what is remembered is still so.
_STAMP = "SELECT count(*), count(ended_ns) FROM role_grant"
_ACTIVE = "SELECT subject, role FROM role_grant JOIN actor ON actor.id = actor_id WHERE ended_ns IS NULL"


@final
class Gate:
    """Requires roles of whoever acts in this process; remembers who has which until that changes."""

    def __init__(self) -> None:
        self._stamp: tuple[int, int] = (0, 0)
        self._roles: dict[str, set[Role]] = {}

    def require(self, raw: Any, role: Role) -> None:
        """Raise Forbidden if the current actor has no role that serves.

        raw: a connection of the driver
        """
        stamp = raw.execute(_STAMP).fetchone()
        if stamp[0] == stamp[1]:
            return
        if stamp != self._stamp:
            self._stamp, self._roles = stamp, {}
            for subject, granted in raw.execute(_ACTIVE).fetchall():
                self._roles.setdefault(subject, set()).add(granted)
        subject = actors.current().subject
        if not SERVES[role] & self._roles.get(subject, set()):
            raise _forbidden(subject, role, self._roles)


class Gated(ABC):
    """What each database asks of whoever acts."""

    def __init__(self) -> None:
        self._gate = Gate()

    @abstractmethod
    def seeing(self) -> AbstractContextManager[Connection]:
        """Give a connection that reads what is committed now, whoever acts: for what the store does of itself."""

    @final
    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees what is committed now, and no later write. Raises Forbidden without a role."""
        with self.seeing() as connection:
            self._require(connection, "viewer")
            yield connection

    @final
    def require(self, role: Role) -> None:
        """Raise Forbidden if whoever acts has no role that serves. A server has grants of its own beside it."""
        with self.seeing() as connection:
            self._require(connection, role)

    @final
    def _require(self, connection: Connection, role: Role | None) -> None:
        """Require a role, except for what the store does of itself."""
        if role is not None:
            self._gate.require(connection.connection.driver_connection, role)


def grant(store: SQLStore, subject: str, role: Role) -> None:
    """Give somebody a role; one who has it keeps it.

    Raises UsageError for a first role that makes no admin.
    """
    named = Actor(subject=subject)
    with store.database.writing("admin") as connection:
        roles = _roles(GRANTS.rows(connection, active=True))
        if not roles and role != "admin":
            raise UsageError(
                f"the first role makes an admin, who grants the others; got {role} for {shown(subject)}. "
                f"For yourself that is: genwright store roles grant {actors.current().subject} admin."
            )
        if role not in roles.get(subject, set()):
            values = {"actor_id": actors.actor_key(connection, named), "role": role, "scope": "all"}
            GRANTS.place(connection, store.ledger, values, holder=subject)


def revoke(store: SQLStore, subject: str, role: Role, *, reason: str) -> None:
    """Take a role from somebody. Raises UsageError if they do not have it, Forbidden if no admin would be left."""
    reason = given_reason(reason)
    with store.database.writing("admin") as connection:
        rows = GRANTS.rows(connection, active=True)
        found = [row for row in rows if (row.holder, row.role) == (subject, role)]
        if not found:
            has = ", ".join(sorted(_roles(rows).get(subject, set()))) or "none"
            raise UsageError(f"{shown(subject)} was to lose the role {role}; they have {has}. See: store roles list.")
        if role == "admin" and not any(row.role == "admin" for row in rows if row.holder != subject):
            raise Forbidden(
                f"{shown(subject)} was to lose the role admin; nobody else has it, and a store with roles needs an "
                f"admin. Make another one first: genwright store roles grant SUBJECT admin."
            )
        for row in found:
            GRANTS.end(connection, store.ledger, row.id, reason)


def granted(store: SQLStore) -> Sequence[Any]:
    """Return all grants, also those that were revoked, in the order in which they were made."""
    with store.database.reading() as connection:
        return GRANTS.rows(connection)


def _roles(rows: Sequence[Any]) -> dict[str, set[Role]]:
    found: dict[str, set[Role]] = {}
    for row in rows:
        found.setdefault(row.holder, set()).add(row.role)
    return found


def _forbidden(subject: str, role: Role, roles: Mapping[str, set[Role]]) -> Forbidden:
    has = ", ".join(sorted(roles.get(subject, set()))) or "none"
    admins = ", ".join(sorted(name for name, found in roles.items() if "admin" in found))
    return Forbidden(f"this needs the role {role} in the store; {subject} has {has}. Ask an admin: {admins}.")
