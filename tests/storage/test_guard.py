import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from genwright_storage.guard import SAFE, Guard

OLD = (3, 40, 1)


def test_with_a_safe_sqlite_nothing_is_locked(tmp_path: Path) -> None:
    with Guard(tmp_path / "store", version=SAFE).held(1):
        assert os.listdir(tmp_path) == []


def test_another_process_waits_for_its_turn_and_gives_up_in_time(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from genwright_storage.guard import Guard
with Guard(Path({str(tmp_path / "store")!r}), version={OLD}).held(5):
    print("held", flush=True)
    sys.stdin.readline()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code]
    guard = Guard(tmp_path / "store", version=OLD)
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, env=environment) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(sqlite3.OperationalError, match="another process holds the lock") as found, guard.held(0.05):
            pass
        assert found.value.sqlite_errorcode == sqlite3.SQLITE_BUSY
        other.stdin.write("\n")
        other.stdin.flush()
        with guard.held(5):
            assert other.wait() == 0
    assert (tmp_path / "store.lock").stat().st_mode & 0o777 == 0o600


def test_threads_take_turns(tmp_path: Path) -> None:
    guard, inside, most = Guard(tmp_path / "store", version=OLD), [0], [0]

    def enter() -> None:
        for _ in range(20):
            with guard.held(10):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0001)
                inside[0] -= 1

    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_it_may_be_held_within_itself(tmp_path: Path) -> None:
    guard = Guard(tmp_path / "store", version=OLD)
    with guard.held(1):
        with guard.held(1):
            pass
        other = Guard(tmp_path / "store", version=OLD)
        with pytest.raises(sqlite3.OperationalError, match="another process holds the lock"), other.held(0.05):
            pass
    with Guard(tmp_path / "store", version=OLD).held(0.05):
        pass


def test_a_forked_process_has_a_lock_of_its_own(tmp_path: Path) -> None:
    guard = Guard(tmp_path / "store", version=OLD)
    with guard.held(1):
        child = os.fork()
        if not child:
            guard._depth = 0
            try:
                guard._threads = threading.RLock()
                with guard.held(0.05):
                    os._exit(1)
            except sqlite3.OperationalError:
                os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
