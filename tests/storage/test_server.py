from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine

from tests.storage import server as servers
from tests.storage.server import Server


@pytest.mark.parametrize("by_socket", [False, True])
def test_a_database_answers_at_its_url(server: Server, by_socket: bool) -> None:
    with server.database() as name:
        engine = create_engine(server.url(name, by_socket=by_socket))
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT current_database()").scalar() == name
            assert connection.exec_driver_sql("SHOW fsync").scalar() == "on"
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        engine.dispose()


def test_each_test_has_a_database_of_its_own(server: Server, postgresql: str) -> None:
    with server.database() as other:
        assert server.url(other) != postgresql
        with server.connect(postgresql.rpartition("/")[2]) as connection:
            connection.execute("CREATE TABLE t (x int)")
        with server.connect(other) as connection, pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT x FROM t")


def test_a_database_is_a_copy_of_its_template_and_goes_with_those_who_use_it(server: Server) -> None:
    with server.database() as template:
        with server.connect(template) as connection:
            connection.execute("CREATE TABLE t AS SELECT 7 AS x")
        with server.database(template=template) as copy:
            user = server.connect(copy)
            assert user.execute("SELECT x FROM t").fetchone() == (7,)
        with pytest.raises(psycopg.OperationalError), user:
            user.execute("SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            server.connect(copy)


def test_what_was_committed_survives_a_crash(server: Server) -> None:
    with server.database() as name:
        with server.connect(name) as connection:
            connection.execute("CREATE TABLE t AS SELECT 7 AS x")
        server.crash()
        assert not server.answers()
        server.start()
        with server.connect(name) as connection:
            assert connection.execute("SELECT x FROM t").fetchone() == (7,)
        log = (server.folder / "log").read_text()
        assert "received immediate shutdown request" in log
        assert "automatic recovery in progress" in log


def test_nothing_of_a_server_is_left() -> None:
    with servers.running() as server:
        folder = server.folder
        assert folder.exists()
    assert not server.answers()
    assert not folder.exists()


_STARTED = """
from tests.storage.server import running
with running() as server:
    print(server.folder, flush=True)
    input()
"""


@pytest.mark.skipif(not shutil.which("setpriv"), reason="the system cannot bind one process to another")
def test_a_server_ends_with_the_tests_when_they_are_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", _STARTED], stdin=-1, stdout=-1, text=True) as tests:
        assert tests.stdout
        folder = tests.stdout.readline().strip()
        tests.kill()
    lock = Path(folder) / "data" / "postmaster.pid"
    end = time.monotonic() + 20
    while "/postgres" in _running(lock) and time.monotonic() < end:
        time.sleep(0.02)
    assert "/postgres" not in _running(lock)
    shutil.rmtree(folder)


def _running(lock: Path) -> str:
    """Return the command of the process that a cluster says runs it."""
    pid = lock.read_text().split()[0] if lock.exists() else "none"
    command = Path(f"/proc/{pid}/cmdline")
    return command.read_text() if command.exists() else ""


@pytest.mark.parametrize(("required", "outcome"), [("1", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_where_no_server_is_installed_tests_are_skipped_unless_one_is_required(
    required: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENWRIGHT_REQUIRE_POSTGRESQL", required)
    monkeypatch.setattr(servers, "binaries", lambda: None)
    with pytest.raises(outcome, match="no PostgreSQL server is installed"), servers.running():
        pass
