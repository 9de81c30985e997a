"""The tables of the first release, as the statements that made them."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from alembic import op

revision = "v0.1.0"
down_revision = None


def upgrade() -> None:
    """Make the tables, indexes and triggers."""
    connection = op.get_bind()
    for statement in _statements(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8")):
        connection.exec_driver_sql(statement)


def _statements(text: str) -> Iterator[str]:
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
