"""Brings the tables of a store up to date with Alembic."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

__all__ = ["backup", "script", "upgrade"]


def upgrade(engine: Engine, path: Path, revision: str) -> None:
    """Run the revisions that come after `revision`, in one transaction, with a copy of the file made before it.

    path: of the database file
    """
    backup(engine, path, revision)
    config = script()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def backup(engine: Engine, path: Path, revision: str) -> Path:
    """Write a copy of the file as it is now beside it, and return where."""
    copy = path.with_name(f"{path.name}.{revision}.backup")
    if not copy.exists():
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
    return copy


def script() -> Config:
    """Return Alembic's configuration: where the revisions are."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config
