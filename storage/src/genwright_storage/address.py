"""Where a database of PostgreSQL is: its URL, and how it is told without what must not be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from genwright.errors import UsageError

__all__ = ["Address"]

_OWN = ("mode", "blobs")
_SECRET = ("password", "sslpassword", "passfile")

# A URL that is told has no password. Who opens it again in this process, as a list of samples does, needs it.
_passwords: dict[str, str] = {}


@final
@dataclass(frozen=True, kw_only=True)
class Address:
    """A database on a server.

    url:          for the driver, with the password
    shown:        the same and our own options, without the password: for messages, and to open it again
    is_only_read: "mode=ro" was asked for
    """

    url: URL
    shown: str
    is_only_read: bool

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address in a URL. Raises UsageError for one that is none, or asks for what there is not."""
        wanted = "a store in PostgreSQL is postgresql+psycopg://user@host/database"
        try:
            url = make_url(text)
        except (ArgumentError, ValueError) as error:
            raise UsageError(f"{wanted}; this one has a part that is none. Check its port and its marks.") from error
        told = url._replace(password=None).difference_update_query(_SECRET)
        shown = told.render_as_string()
        if url.drivername not in ("postgresql", "postgresql+psycopg") or not url.database:
            raise UsageError(f"{wanted}; got {shown}. Write it so.")
        if url.query.get("mode", "ro") != "ro":
            raise UsageError(f"{wanted}, only read with ?mode=ro; got {shown}. Write that, or leave it out.")
        place = told.difference_update_query(_OWN).render_as_string()
        given = url.password or url.query.get("password")
        secret = str(given) if given else _passwords.get(place)
        if secret:
            _passwords[place] = secret
        full = url.difference_update_query([*_OWN, "password"])._replace(
            drivername="postgresql+psycopg", password=secret
        )
        return cls(url=full, shown=shown, is_only_read="mode" in url.query)

    @property
    def defaults(self) -> dict[str, Any]:
        """What the driver is told besides, unless the URL says otherwise."""
        wanted = {"connect_timeout": 10, "application_name": "genwright", "client_encoding": "utf8"}
        return {name: value for name, value in wanted.items() if name not in self.url.query}
