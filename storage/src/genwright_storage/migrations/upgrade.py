"""Brings the tables of a store up to date with Alembic."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

from genwright.files import flush
from genwright_storage.durable import make_private_file

__all__ = ["backup", "migrate", "script", "upgrade"]


def upgrade(engine: Engine, path: Path, revision: str, *, then: Callable[[Connection], object]) -> None:
    """Run the revisions that come after `revision`, in one transaction, with a copy of the file made before it.

    path: of the database file
    then: called in the transaction when they have run
    """
    backup(path, revision)
    migrate(engine, then=then)


def migrate(engine: Engine, *, then: Callable[[Connection], object]) -> None:
    """Run the revisions that a database lacks, in one transaction.

    then: called in the transaction when they have run
    """
    config = script()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        then(connection)


def backup(path: Path, revision: str) -> Path:
    """Write a copy of the file as it is now beside it, and return where."""
    copy = path.with_name(f"{path.name}.{revision}.backup")
    part = copy.with_name(f"{copy.name}.{secrets.token_hex(8)}.part")
    with closing(sqlite3.connect(path)) as connection:
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        if _is_copy(copy, application):
            return copy
        try:
            make_private_file(part)
            connection.execute("VACUUM INTO ?", (str(part),))
            flush(part)
            os.replace(part, copy)
            flush(copy.parent)
        finally:
            part.unlink(missing_ok=True)
    return copy


def _is_copy(file: Path, application: int) -> bool:
    """Whether a file is an SQLite database of this application; one that was cut short before it was whole is none."""
    if not file.is_file():
        return False
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        (found,) = connection.execute("PRAGMA application_id").fetchone()
        (checked,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        return bool(found == application and checked == "ok")
    return False


def script() -> Config:
    """Return Alembic's configuration: where the revisions are."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
