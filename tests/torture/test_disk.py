from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.torture.calls import Call
from tests.torture.disk import Disk

ROOT = Path("/root-of-it")
OLD, NEW, LARGE = b"o" * 2048, b"n" * 2048, 4096


def shown(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return '"' + "".join(f"\\x{byte:02x}" for byte in raw) + '"'


def opened(handle: int, name: str = "", flags: str = "O_RDWR|O_CREAT") -> Call:
    return Call("openat", f"AT_FDCWD, {shown(str(ROOT / name))}, {flags}, 0600", handle)


def written(handle: int, data: bytes, offset: int) -> Call:
    return Call("pwrite64", f"{handle}, {shown(data)}, {len(data)}, {offset}", len(data))


def synced(handle: int) -> Call:
    return Call("fsync", str(handle), 0)


def outcomes(*calls: Call, name: str = "file") -> set[bytes | None]:
    """Return what a file was found to hold after many cuts; None where it is not there."""
    disk = Disk(ROOT)
    for call in calls:
        disk.apply(call)
    return {dict(disk.after_a_cut(random.Random(seed))).get(Path(name)) for seed in range(300)}


MADE = (opened(3, "file"), opened(4, flags="O_RDONLY"), written(3, OLD, 0), synced(3), synced(4))


def test_what_was_synced_stays() -> None:
    assert outcomes(*MADE) == {OLD}


def test_a_file_whose_name_was_not_synced_may_be_gone() -> None:
    assert outcomes(opened(3, "file"), written(3, OLD, 0), synced(3)) == {OLD, None}


def test_what_was_not_synced_is_kept_dropped_or_torn_at_sectors() -> None:
    found = outcomes(*MADE, written(3, NEW, 0))
    parts = {bytes(data[i : i + 512]) for data in found if data for i in range(0, 2048, 512)}
    assert {OLD, NEW} < found
    assert len(found) == 2**4
    assert parts == {OLD[:512], NEW[:512]}


def test_a_file_that_grew_may_have_a_hole() -> None:
    assert OLD + bytes(2048) + NEW in outcomes(*MADE, written(3, NEW, 2048), written(3, NEW, 4096))


def test_a_file_that_was_cut_may_be_found_whole() -> None:
    assert outcomes(*MADE, Call("ftruncate", "3, 512", 0)) == {OLD, OLD[:512]}


def test_renaming_is_all_or_nothing() -> None:
    moved = Call("rename", f"{shown(str(ROOT / 'file'))}, {shown(str(ROOT / 'other'))}", 0)
    assert outcomes(*MADE, moved) == {OLD, None}
    assert outcomes(*MADE, moved, name="other") == {OLD, None}
    assert outcomes(*MADE, moved, synced(4)) == {None}


def test_a_file_in_a_folder_that_was_lost_is_lost() -> None:
    made = (Call("mkdir", f"{shown(str(ROOT / 'in'))}, 0700", 0), opened(3, "in/file"), opened(5, "in", "O_RDONLY"))
    kept = (*made, written(3, OLD, 0), synced(3), synced(5))
    assert outcomes(*kept, name="in/file") == {OLD, None}
    assert outcomes(*kept, opened(6, flags="O_RDONLY"), synced(6), name="in/file") == {OLD}


def test_a_call_that_the_disk_does_not_know_is_not_passed_over() -> None:
    with pytest.raises(AssertionError, match="the disk knows no copy_file_range"):
        outcomes(*MADE, Call("copy_file_range", "3, NULL, 9, NULL, 100, 0", 100))
    assert not Disk(ROOT).apply(Call("copy_file_range", "7, NULL, 9, NULL, 100, 0", 100))
