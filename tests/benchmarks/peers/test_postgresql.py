from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from benchmarks.peers import postgresql
from benchmarks.peers.postgresql import NoServer, Server, programs, server


def test_where_it_is_not_installed_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql.shutil, "which", lambda name: None)
    monkeypatch.setattr(postgresql.glob, "glob", lambda pattern: [])
    with pytest.raises(NoServer, match="PostgreSQL is not installed: apt-get install postgresql"):
        programs()


def test_a_server_that_does_not_start_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "initdb").write_text("#!/bin/sh\necho no space left >&2\nexit 1\n", encoding="utf-8")
    (tmp_path / "initdb").chmod(0o755)
    monkeypatch.setattr(postgresql, "programs", lambda: tmp_path)
    monkeypatch.setattr(postgresql.os, "geteuid", lambda: 1)
    with pytest.raises(NoServer, match="did not start: no space left"), server():
        pass


def test_a_server_keeps_what_is_written_on_the_disk_and_goes_when_it_is_done() -> None:
    try:
        programs()
    except NoServer as error:
        pytest.skip(str(error))
    with server() as found:
        url = found.database("one")
        with psycopg.connect(url) as connection:
            settings = connection.execute("SELECT current_setting('fsync'), current_setting('synchronous_commit')")
            assert settings.fetchone() == ("on", "on")
        found.drop("one")
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            psycopg.connect(url)
    with pytest.raises(psycopg.OperationalError):
        Server(version="", port=found.port).database("two")
