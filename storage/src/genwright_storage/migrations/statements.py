"""The statements of an SQL file, one after another."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

__all__ = ["statements"]


def statements(text: str) -> Iterator[str]:
    """Yield each statement of a text; a trigger, which holds statements, is one."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
