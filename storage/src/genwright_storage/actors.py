"""Who does things: the people, services and plugins that runs, reviews and erasures name."""

from __future__ import annotations

import getpass
import os
import platform
import secrets
from dataclasses import dataclass
from functools import cache
from typing import Literal, final

from sqlalchemy import Connection, insert, select

from genwright.errors import UsageError, shown
from genwright_storage.tables import actor

__all__ = ["Actor", "Kind", "actor_key", "current", "of_plugin"]

Kind = Literal["user", "service", "plugin"]

_LONGEST = 200
_PLUGIN = "plugin:"


@final
@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who does something.

    subject: the name, by which one actor is told from another: "ada@lab.example"
    """

    subject: str
    kind: Kind = "user"

    def __post_init__(self) -> None:
        is_short = 0 < len(self.subject.encode(errors="surrogatepass")) <= _LONGEST
        is_reserved = self.subject.startswith(_PLUGIN) != (self.kind == "plugin")
        if not is_short or not self.subject.isprintable() or self.subject != self.subject.strip() or is_reserved:
            raise UsageError(
                f"an actor is named in one line of up to {_LONGEST} bytes, which does not begin with {_PLUGIN}; "
                f"got {shown(self.subject)}. Set GENWRIGHT_ACTOR to a name such as ada@lab.example."
            )


def current() -> Actor:
    """Return who acts in this process: $GENWRIGHT_ACTOR, else the user at this machine."""
    return Actor(subject=os.environ.get("GENWRIGHT_ACTOR") or _user())


def of_plugin(name: str) -> Actor:
    """Return the actor that a reviewer of a plugin is."""
    return Actor(subject=f"{_PLUGIN}{name}", kind="plugin")


def actor_key(connection: Connection, named: Actor) -> int:
    """Return the key of an actor, who is recorded at the first time."""
    key: int | None = connection.execute(select(actor.c.id).where(actor.c.subject == named.subject)).scalar()
    if key is None:
        values = {"uid": secrets.token_hex(16), "kind": named.kind, "subject": named.subject, "display": named.subject}
        key = connection.execute(insert(actor).returning(actor.c.id), values).scalar_one()
    return key


@cache
def _user() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        # A container may run under a number that has no name.
        name = str(os.getuid())
    return f"{name}@{platform.node() or 'localhost'}"
