"""Brings the tables of a store up to date with Alembic."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine

__all__ = ["backup", "migrate", "script", "upgrade"]


def upgrade(engine: Engine, path: Path, revision: str, *, then: Callable[[Connection], None]) -> None:
    """Run the revisions that come after `revision`, in one transaction, with a copy of the file made before it.

    path: of the database file
    then: called in the transaction when they have run
    """
    backup(path, revision)
    migrate(engine, then=then)


def migrate(engine: Engine, *, then: Callable[[Connection], None]) -> None:
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
    if not copy.exists():
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
    return copy


def script() -> Config:
    """Return Alembic's configuration: where the revisions are."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
