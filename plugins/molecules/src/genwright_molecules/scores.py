"""Scores kept between runs."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar, final

from rdkit import rdBase

from genwright.folders import cache_folder

__all__ = ["ScoreCache"]

R = TypeVar("R")

_SCHEMA = """CREATE TABLE IF NOT EXISTS score (
    property TEXT NOT NULL, key TEXT NOT NULL, value REAL NOT NULL, PRIMARY KEY (property, key)
) STRICT, WITHOUT ROWID"""
_PATIENCE = 30.0
# SQLite before 3.32 takes at most 999 parameters a statement.
_AT_ONCE = 900


@final
class ScoreCache:
    """Values by (canonical SMILES, property) in one SQLite file, which several processes may share.

    Values of another RDKit are not found: its properties may differ. A file that cannot be used is dropped with a
    warning, one that is busy for half a minute is passed by; scoring goes on either way.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self._path = Path(path) if path is not None else cache_folder() / "molecules" / "scores.sqlite"

    def get(self, keys: Sequence[str], names: Sequence[str]) -> dict[str, tuple[float, ...]]:
        """Return the values of the keys for which every named property is known, in the order of the names."""
        found: dict[str, dict[str, float]] = {}
        for name in names:
            found[name] = self._try(lambda database, name=name: _select(database, name, keys), {})  # type: ignore[misc]
        known = [key for key in keys if all(key in found[name] for name in names)]
        return {key: tuple(found[name][key] for name in names) for key in known}

    def put(self, values: Mapping[str, Sequence[float]], names: Sequence[str]) -> None:
        """Keep the values of each key, given in the order of the names."""
        rows = [(_version(name), key, row[column]) for column, name in enumerate(names) for key, row in values.items()]
        if rows:
            self._try(lambda database: _insert(database, rows), None)

    def _try(self, action: Callable[[sqlite3.Connection], R], otherwise: R) -> R:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_PATIENCE)) as database, database:
                database.execute(_SCHEMA)
                return action(database)
        except (sqlite3.OperationalError, OSError) as error:
            warnings.warn(f"the cache of scores is passed by: {self._path}: {error}", RuntimeWarning, stacklevel=4)
        except sqlite3.DatabaseError as error:
            self._path.unlink(missing_ok=True)
            warnings.warn(f"the cache of scores was dropped: {self._path}: {error}", RuntimeWarning, stacklevel=4)
        return otherwise


def _select(database: sqlite3.Connection, name: str, keys: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in _parts(keys):
        marks = ",".join("?" * len(part))
        found |= database.execute(
            f"SELECT key, value FROM score WHERE property = ? AND key IN ({marks})", (_version(name), *part)
        )
    return found


def _insert(database: sqlite3.Connection, rows: Sequence[tuple[str, str, float]]) -> None:
    database.executemany("INSERT OR IGNORE INTO score VALUES (?, ?, ?)", rows)


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))


def _version(name: str) -> str:
    return f"{name} rdkit {rdBase.rdkitVersion}"
