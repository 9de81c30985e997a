from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.torture import calls
from tests.torture.calls import Call, need_strace, read_calls

WRITTEN = r"""
12 openat(AT_FDCWD, "\x2f\x61", O_RDWR|O_CREAT, 0600) = 3
12 pwrite64(3, "\x6f\x6e\x65", 3, 512) = 3
12 fsync(3 <unfinished ...>
13 unlink("\x2f\x62") = -1 ENOENT (No such file or directory)
12 <... fsync resumed>) = 0
12 pwrite64(3, "\x74\x77\x6f", 3, 515) = -1 EIO (Input/output error) (INJECTED)
12 close(3) = ?
12 +++ exited with 0 +++
"""


def read(folder: Path, text: str, *, failed: bool = False) -> list[Call]:
    (folder / "calls").write_text(text.lstrip(), encoding="ascii")
    return list(read_calls(folder / "calls", failed=failed))


def test_calls_are_read_in_the_order_in_which_they_ended(tmp_path: Path) -> None:
    found = read(tmp_path, WRITTEN)
    assert [(call.name, call.result) for call in found] == [("openat", 3), ("pwrite64", 3), ("fsync", 0)]
    assert found[1].texts == [b"one"]
    assert found[1].numbers == [3, 3, 512]
    assert found[2].numbers == [3]


def test_calls_that_failed_are_read_when_asked_for(tmp_path: Path) -> None:
    assert [call.result for call in read(tmp_path, WRITTEN, failed=True)] == [3, 3, -1, 0, -1]


def test_what_is_no_call_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="strace wrote what is not understood"):
        read(tmp_path, "something else\n")


def test_where_strace_is_not_installed_tests_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls.shutil, "which", lambda name: None)
    with pytest.raises(pytest.skip.Exception, match="strace is not installed"):
        need_strace()


def test_where_strace_may_not_watch_tests_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = subprocess.CompletedProcess([], 1, stderr="ptrace: Operation not permitted")
    monkeypatch.setattr(calls.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(calls.subprocess, "run", lambda *args, **options: refused)
    with pytest.raises(pytest.skip.Exception, match="strace may not watch processes here: ptrace: Operation not"):
        need_strace()
