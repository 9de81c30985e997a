"""A disk as system calls leave it, of which a power cut keeps what was synced and any part of what was not."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from tests.torture.calls import Call

__all__ = ["WATCHED", "Disk"]

SECTOR = 512

_HARMLESS = "openat close lseek"
_MODELLED = "write pwrite64 ftruncate fsync fdatasync rename unlink link mkdir"
_UNKNOWN = (
    "open creat openat2 dup dup2 dup3 writev pwritev pwritev2 truncate fallocate sync syncfs sync_file_range "
    "renameat renameat2 unlinkat linkat symlink symlinkat mkdirat rmdir sendfile copy_file_range splice"
)
WATCHED = ",".join(f"{_HARMLESS} {_MODELLED} {_UNKNOWN}".split())
"""The calls to watch for: those that are modelled here, and those that must not occur because they are not."""


@final
@dataclass(eq=False)
class _File:
    """What of a file is on the disk, and what was done to it since: bytes at a place, or a size."""

    synced: bytes = b""
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)
    size: int = 0

    def write(self, offset: int, data: bytes) -> None:
        self.pending.append((offset, data))
        self.size = max(self.size, offset + len(data))

    def cut(self, size: int) -> None:
        self.pending.append((size, None))
        self.size = size

    def sync(self) -> None:
        self.synced = self.after(lambda: 1.0)
        self.pending = []

    def after(self, fate: Callable[[], float], chance: random.Random | None = None) -> bytes:
        """Return its bytes if of what is pending each is kept (1), dropped (0) or torn (in between)."""
        found = bytearray(self.synced)
        for place, data in self.pending:
            kept = fate()
            if data is None:
                if kept >= 0.5:
                    del found[place:]
                    found.extend(bytes(place - len(found)))
                continue
            for offset, part in _sectors(place, data) if 0 < kept < 1 else [(place, data)] if kept else []:
                if kept == 1 or (chance and chance.random() < kept):
                    found.extend(bytes(max(offset - len(found), 0)))
                    found[offset : offset + len(part)] = part
        return bytes(found)


_Entry = _File | None  # None is a folder
_GONE = object()


@final
@dataclass(frozen=True)
class _Move:
    """A change of names: what each stands for from now on, or that it is gone."""

    names: dict[Path, _Entry | object]

    @property
    def folders(self) -> set[Path]:
        return {name.parent for name in self.names}


@final
class Disk:
    """The files under a folder, as calls made and synced them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: dict[Path, _Entry] = {root: None}
        self._synced: dict[Path, _Entry] = {root: None}
        self._moves: list[_Move] = []
        self._open: dict[int, tuple[Path, _Entry]] = {}
        self._offsets: dict[int, int] = {}

    def apply(self, call: Call) -> bool:
        """Do what a call did; return whether it changed or synced anything under the folder."""
        if not self._concerns(call):
            return False
        act = getattr(self, f"_{call.name}", None)
        assert act is not None, f"the disk knows no {call.name}: {call.arguments[:200]}"
        act(call)
        return call.name not in _HARMLESS or "O_CREAT" in call.arguments or "O_TRUNC" in call.arguments

    def after_a_cut(self, chance: random.Random) -> Iterator[tuple[Path, bytes | None]]:
        """Yield what is found when the power is back: each folder, with None, and each file with its bytes."""
        likely = chance.choice([0.0, 0.5, 0.9, 1.0])
        names = self._names_after(lambda: chance.random() < likely)
        fates = {"kept": lambda: 1.0, "dropped": lambda: 0.0, "torn": lambda: 0.5, "mixed": lambda: _mixed(chance)}
        fate = fates[chance.choice(list(fates))]
        for name in sorted(names):
            # The index beside the log is memory that processes share: no one writes it to be found again.
            if name != self._root and not name.name.endswith("-shm") and all(p in names for p in self._above(name)):
                entry = names[name]
                yield name.relative_to(self._root), None if entry is None else entry.after(fate, chance)

    def _names_after(self, is_kept: Callable[[], bool]) -> dict[Path, _Entry]:
        names, stuck = dict(self._synced), set[Path]()
        for move in self._moves:
            # What follows on a change of a name that was dropped is dropped too; names are otherwise independent.
            if stuck.isdisjoint(move.names) and is_kept():
                _rename(names, move)
            else:
                stuck.update(move.names)
        return names

    def _above(self, name: Path) -> list[Path]:
        return [parent for parent in name.parents if parent.is_relative_to(self._root)]

    def _concerns(self, call: Call) -> bool:
        paths = [Path(text.decode(errors="replace")) for text in call.texts]
        if any(path.is_relative_to(self._root) for path in paths if path.is_absolute()):
            return True
        numbers = call.numbers
        if call.name == "openat":
            self._open.pop(call.result, None)
        return bool(numbers) and call.name != "openat" and numbers[0] in self._open

    def _openat(self, call: Call) -> None:
        path = Path(call.texts[0].decode())
        if path not in self._names:
            assert "O_CREAT" in call.arguments, f"{path} was opened and never made"
            self._move({path: _File()})
        entry = self._names[path]
        if entry and "O_TRUNC" in call.arguments:
            entry.cut(0)
        assert "O_APPEND" not in call.arguments, "the disk knows no appending"
        self._open[call.result], self._offsets[call.result] = (path, entry), 0

    def _close(self, call: Call) -> None:
        self._open.pop(call.numbers[0])

    def _lseek(self, call: Call) -> None:
        self._offsets[call.numbers[0]] = call.result

    def _write(self, call: Call) -> None:
        handle = call.numbers[0]
        self._file(handle).write(self._offsets[handle], call.texts[0][: call.result])
        self._offsets[handle] += call.result

    def _pwrite64(self, call: Call) -> None:
        handle, _, offset = call.numbers
        self._file(handle).write(offset, call.texts[0][: call.result])

    def _ftruncate(self, call: Call) -> None:
        handle, size = call.numbers
        self._file(handle).cut(size)

    def _fsync(self, call: Call) -> None:
        path, entry = self._open[call.numbers[0]]
        if entry is not None:
            entry.sync()
            return
        for move in [move for move in self._moves if path in move.folders]:
            _rename(self._synced, move)
            self._moves.remove(move)

    _fdatasync = _fsync

    def _rename(self, call: Call) -> None:
        old, new = (Path(text.decode()) for text in call.texts)
        self._move({new: self._names[old], old: _GONE})

    def _link(self, call: Call) -> None:
        old, new = (Path(text.decode()) for text in call.texts)
        self._move({new: self._names[old]})

    def _unlink(self, call: Call) -> None:
        self._move({Path(call.texts[0].decode()): _GONE})

    def _mkdir(self, call: Call) -> None:
        self._move({Path(call.texts[0].decode()): None})

    def _move(self, names: dict[Path, _Entry | object]) -> None:
        move = _Move(names)
        _rename(self._names, move)
        self._moves.append(move)

    def _file(self, handle: int) -> _File:
        entry = self._open[handle][1]
        assert entry is not None, "folders are not written"
        return entry


def _rename(names: dict[Path, _Entry], move: _Move) -> None:
    for name, entry in move.names.items():
        if isinstance(entry, _File) or entry is None:
            names[name] = entry
        else:
            names.pop(name, None)


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the parts of a write that lie in one sector each."""
    start = 0
    while start < len(data):
        end = min(start + SECTOR - (offset + start) % SECTOR, len(data))
        yield offset + start, data[start:end]
        start = end


def _mixed(chance: random.Random) -> float:
    return chance.choice([0.0, 0.5, 1.0])
