"""Whoever can write the files of a store: rows and files changed, swapped, added, removed and put back.

Each is done to a sound store in which no trigger guards anything any more, and then undone. What was done to samples
must be found, with the sample named, and nothing else may be. A store from which the newest entries were cut together
with all that belongs to them, and an old copy put back, are sound in themselves: they show against a head noted
elsewhere alone.
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from genwright.run import Run
from genwright.store import Finding, open_store
from tests.torture.tally import Tally
from tests.torture.workload import LARGE, record, seeded_run

__all__ = ["NO_EVIDENCE", "WAYS_BACK", "Sound", "make_sound", "rolled_back", "torture"]

# Which key a row has is no evidence, as the documentation says; nor is what nothing writes yet.
NO_EVIDENCE = {"id", "erased_seq"}
WAYS_BACK = ("an old copy put back", "the tail cut with all that belongs to it")
_BATCH = 10
_LOSSES = ("undetected", "misnamed", "false alarms")
# By which names each sample touched may be found, and an index in the batch that it was or is in.
_Touched = Sequence[tuple[Sequence[str], int]]
_Act = Callable[["Sound", sqlite3.Connection, Sequence[int], random.Random], _Touched]


@final
@dataclass(frozen=True)
class Sound:
    """A store with nothing wrong, and what it was when half of it was written.

    note: its last head, as a witness keeps it
    """

    path: Path
    run: Run
    rows: int
    note: str

    def copy(self, name: str) -> Path:
        """Return where the database is kept as it was: "last" or "half"."""
        return self.path.with_name(name)

    def files(self) -> dict[Path, int]:
        """Return the files of payloads, each with the index of its sample."""
        found = (path for path in self.path.with_name("store.blobs").rglob("*") if path.is_file())
        return {path: int(path.read_bytes().rstrip(b"x").rpartition(b"/")[2]) for path in found}


def torture(rounds: int, seed: int, folder: Path) -> Tally:
    """Tamper with so many samples in every way; a round is one way, done to all of them."""
    chance = random.Random(seed)
    sound = make_sound(folder / "tampered", rounds, seeded_run(chance))
    total = _judged(_found(sound), sound, [])
    for column in _columns(sound):
        total += tampered(sound, _changing(column), chance)
    for act in (_swap, _remove, _add, _flip_file, _shorten_file, _remove_file):
        total += tampered(sound, act, chance)
    for way in WAYS_BACK:
        total += rolled_back(sound, way)
    return total


def make_sound(folder: Path, batches: int, run: Run) -> Sound:
    """Make a store of batches of ten."""
    folder.mkdir()
    path, rows, half = folder / "store", batches * _BATCH, batches // 2 * _BATCH
    with closing(open_store(f"sqlite:///{path}")) as store:
        store.put_run(run)
        for first in range(0, rows, _BATCH):
            if first == half:
                _copy(path, folder / "half")
            store.put_samples([record(run, index) for index in range(first, first + _BATCH)])
        store.finish_run(run.id, "finished")
    _copy(path, folder / "last")
    return Sound(path, run, rows, _witnessed(path))


def tampered(sound: Sound, act: _Act, chance: random.Random) -> Tally:
    """Do something to one sample of each batch, see what is found, and undo it."""
    chosen = [first + chance.randrange(_BATCH) for first in range(0, sound.rows, _BATCH)]
    with _unguarded(sound) as connection, _files_kept(sound):
        with connection:
            touched = act(sound, connection, chosen, chance)
        found = _found(sound)
    return _judged(found, sound, touched)


def rolled_back(sound: Sound, way: str) -> Tally:
    """Take half of the store away so that the rest is sound, and look for it with and without a noted head."""
    if way == WAYS_BACK[0]:
        _put_back(sound, "half")
    else:
        _cut(sound)
    alone, witnessed = _found(sound), _found(sound, sound.note)
    _put_back(sound, "last")
    remark = f"{way}: {_said(witnessed)} against a noted head, {_said(alone)} without one"
    losses = {"undetected": int(not witnessed), "misnamed": 0, "false alarms": 0}
    return Tally(rounds=1, acknowledged=0, losses=losses, remarks=(remark,))


def _said(found: Sequence[Finding]) -> str:
    return "found" if found else "not found"


def _witnessed(path: Path) -> str:
    """Return the head of a store, as one who may read it can note it elsewhere."""
    with closing(sqlite3.connect(path)) as connection:
        ((note,),) = connection.execute("SELECT note FROM log_frontier")
    return str(note)


def _found(sound: Sound, *heads: str) -> list[Finding]:
    with closing(open_store(f"sqlite:///{sound.path}")) as store:
        return list(store.verify(heads=heads))


def _judged(found: Sequence[Finding], sound: Sound, touched: _Touched) -> Tally:
    """Return how many samples that were touched are not found or not named, and how much else is found."""
    named = Counter(finding.where.removeprefix("payload of ") for finding in found)
    batches = [_batch_of(sound.run.id, place) for _, place in touched]
    told = {batch for batch in batches if batch in named}
    own = [any(f"sample {name}" in named for name in names) for names, _ in touched]
    for name in told.union(f"sample {name}" for names, _ in touched for name in names):
        named.pop(name, None)
    undetected = sum(not (is_named or batch in told) for is_named, batch in zip(own, batches, strict=True))
    losses = dict(zip(_LOSSES, (undetected, own.count(False) - undetected, named.total()), strict=True))
    return Tally(rounds=1, acknowledged=len(touched) or sound.rows, losses=losses)


def _names(sound: Sound, index: int) -> list[str]:
    return [f"{sound.run.id}/{index}"]


def _batch_of(uid: str, index: int) -> str:
    first = index - index % _BATCH
    return f"samples {uid}/{first} to {first + _BATCH - 1}"


@contextmanager
def _unguarded(sound: Sound) -> Iterator[sqlite3.Connection]:
    """Give a connection that no trigger, check or key restrains; the database is put back at the end."""
    with closing(sqlite3.connect(sound.path)) as connection:
        _unguard(connection)
        try:
            yield connection
        finally:
            connection.close()
            _put_back(sound, "last")


def _unguard(connection: sqlite3.Connection) -> None:
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute("PRAGMA ignore_check_constraints=ON")


@contextmanager
def _files_kept(sound: Sound) -> Iterator[None]:
    files = {path: path.read_bytes() for path in sound.files()}
    yield
    for path, data in files.items():
        if not path.exists() or path.read_bytes() != data:
            path.write_bytes(data)


def _put_back(sound: Sound, name: str) -> None:
    for ending in ("-wal", "-shm"):
        sound.path.with_name(f"store{ending}").unlink(missing_ok=True)
    shutil.copy(sound.copy(name), sound.path)


def _copy(path: Path, copy: Path) -> None:
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)


def _cut(sound: Sound) -> None:
    """Make each table what it was, as one who knows how the ledger is made can."""
    with closing(sqlite3.connect(sound.path)) as connection:
        _unguard(connection)
        connection.execute("ATTACH ? AS half", (str(sound.copy("half")),))
        with connection:
            _replace_tables(connection)


def _replace_tables(connection: sqlite3.Connection) -> None:
    tables = "SELECT name FROM half.sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    for (name,) in connection.execute(tables).fetchall():
        connection.execute(f"DELETE FROM main.{name}")
        connection.execute(f"INSERT INTO main.{name} SELECT * FROM half.{name}")


def _columns(sound: Sound) -> list[str]:
    with closing(sqlite3.connect(sound.path)) as connection:
        found = [row[1] for row in connection.execute("PRAGMA table_info(sample)")]
    return [name for name in found if name not in NO_EVIDENCE]


def _changing(column: str) -> _Act:
    """Return what gives samples another value in a column."""

    def change(sound: Sound, connection: sqlite3.Connection, chosen: Sequence[int], chance: random.Random) -> _Touched:
        (kind,) = connection.execute(
            "SELECT type FROM pragma_table_info('sample') WHERE name = ?", (column,)
        ).fetchone()
        touched = []
        for index in chosen:
            value, key = connection.execute(f"SELECT {column}, id FROM sample WHERE idx = ?", (index,)).fetchone()
            other = sound.rows + index if column == "idx" else _another(value, kind, chance)
            connection.execute(f"UPDATE sample SET {column} = ? WHERE idx = ?", (other, index))
            # Apart from its batch, it is gone there and has no name here.
            names = [*_names(sound, other if column == "idx" else index), f"at row {key}"]
            touched.append((names, index))
        return touched

    return change


def _another(value: Any, kind: str, chance: random.Random) -> Any:
    """Return a value that differs from another in one bit or letter, or is there where none was."""
    if value in (None, "", b""):
        return {"INTEGER": 1, "REAL": 1.0, "TEXT": "x", "BLOB": b"x" * 32}[kind]
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(20))
    place = chance.randrange(len(value))
    if isinstance(value, str):
        return f"{value[:place]}{'y' if value[place] == 'z' else 'z'}{value[place + 1 :]}"
    return _flipped(value, place, chance)


def _flipped(data: bytes, place: int, chance: random.Random) -> bytes:
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _swap(sound: Sound, connection: sqlite3.Connection, chosen: Sequence[int], chance: random.Random) -> _Touched:
    """Let each change places with its neighbour in the batch."""
    pairs = [(index, index ^ 1) for index in chosen]
    for one, other in pairs:
        for old, new in ((one, -1), (other, one), (-1, other)):
            connection.execute("UPDATE sample SET idx = ? WHERE idx = ?", (new, old))
    return [(_names(sound, index), index) for pair in pairs for index in pair]


def _remove(sound: Sound, connection: sqlite3.Connection, chosen: Sequence[int], chance: random.Random) -> _Touched:
    connection.executemany("DELETE FROM sample WHERE idx = ?", [(index,) for index in chosen])
    return [(_names(sound, index), index) for index in chosen]


def _add(sound: Sound, connection: sqlite3.Connection, chosen: Sequence[int], chance: random.Random) -> _Touched:
    """Add a copy of each under an index that none has."""
    names = [row[1] for row in connection.execute("PRAGMA table_info(sample)") if row[1] not in ("id", "idx")]
    columns = ", ".join(names)
    statement = f"INSERT INTO sample (idx, {columns}) SELECT ?, {columns} FROM sample WHERE idx = ?"
    rows = [connection.execute(statement, (sound.rows + index, index)).lastrowid for index in chosen]
    names = [[f"at row {row}", *_names(sound, sound.rows + index)] for row, index in zip(rows, chosen, strict=True)]
    return list(zip(names, chosen, strict=True))


def _flip_file(sound: Sound, connection: sqlite3.Connection, chosen: Sequence[int], chance: random.Random) -> _Touched:
    for path in (files := sound.files()):
        path.write_bytes(_flipped(path.read_bytes(), chance.randrange(LARGE), chance))
    return [(_names(sound, index), index) for index in files.values()]


def _shorten_file(
    sound: Sound, connection: sqlite3.Connection, chosen: Sequence[int], chance: random.Random
) -> _Touched:
    for path in (files := sound.files()):
        path.write_bytes(path.read_bytes()[: chance.randrange(LARGE)])
    return [(_names(sound, index), index) for index in files.values()]


def _remove_file(
    sound: Sound, connection: sqlite3.Connection, chosen: Sequence[int], chance: random.Random
) -> _Touched:
    for path in (files := sound.files()):
        path.unlink()
    return [(_names(sound, index), index) for index in files.values()]
