from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.testing.stores import make_record, make_run
from genwright_storage.keys import KeyRing
from genwright_storage.store import SQLStore

Capture = pytest.CaptureFixture[str]


def _put(url: str, ring: Path) -> None:
    """Put a run and a sample, as a machine without the key does."""
    with closing(SQLStore(url, ring=KeyRing(ring))) as store:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, 0)])
        assert store.info()["pending"] == 2


def test_what_waits_is_sequenced_once(team_url: str, tmp_path: Path, capsys: Capture) -> None:
    _put(team_url, tmp_path)
    assert main(["store", "sequence", "--once", "--store", team_url]) == 0
    assert "Sequenced 2 entries." in capsys.readouterr().err
    with closing(SQLStore(team_url)) as store:
        assert store.info()["pending"] == 0


def test_a_service_sequences_until_it_is_stopped(team_url: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "genwright", "store", "sequence", "--store", team_url]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    assert service.stderr
    assert service.stderr.readline().startswith("Sequencing postgresql+psycopg://genwright@")
    _put(team_url, tmp_path)
    with closing(SQLStore(team_url, ring=KeyRing(tmp_path))) as store:
        end = time.monotonic() + 20
        while store.info()["pending"] and time.monotonic() < end:
            time.sleep(0.02)
        assert store.info()["pending"] == 0
    service.send_signal(signal.SIGTERM)
    assert service.communicate(timeout=20)[1] == "Sequenced 2 entries.\n"
    assert service.returncode == 0


def test_who_has_no_key_is_told(
    team_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path))
    assert main(["store", "sequence", "--once", "--store", team_url]) == 1
    assert "none is. Copy the key's file there" in capsys.readouterr().err


def test_a_store_that_needs_no_sequencer_is_refused(tmp_path: Path, team_url: str, capsys: Capture) -> None:
    file = f"sqlite:///{tmp_path / 'store'}"
    SQLStore(file).close()
    assert main(["store", "sequence", "--store", file]) == 2
    assert "signs as it writes. Leave this out." in capsys.readouterr().err
    assert main(["store", "sequence", "--store", f"{team_url}?mode=ro"]) == 2
    assert "who sequences must write; this user may not" in capsys.readouterr().err
    assert main(["store", "grants", "--store", file]) == 2
    assert "has roles of its server" in capsys.readouterr().err


def test_the_statements_for_roles_are_printed_without_a_server(capsys: Capture) -> None:
    assert main(["store", "grants", "--store", "postgresql+psycopg://me:secret@nowhere/art"]) == 0
    out = capsys.readouterr().out
    assert 'CREATE ROLE "art_generator" NOLOGIN;\n' in out
    assert "secret" not in out


def test_a_backup_of_a_database_is_left_to_its_server(team_url: str, tmp_path: Path, capsys: Capture) -> None:
    assert main(["store", "backup", str(tmp_path / "copy"), "--store", team_url]) == 2
    assert "pg_dump." in capsys.readouterr().err


def test_what_was_sequenced_is_told_as_json(team_url: str, tmp_path: Path, capsys: Capture) -> None:
    _put(team_url, tmp_path)
    assert main(["store", "sequence", "--once", "--store", team_url, "--json"]) == 0
    with closing(SQLStore(team_url)) as store:
        assert json.loads(capsys.readouterr().out) == {"url": store.url, "entries": 2}


def test_the_statements_for_roles_are_listed_as_json(capsys: Capture) -> None:
    command = ["store", "grants", "--store", "postgresql+psycopg://me@nowhere/art"]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert main([*command, "--json"]) == 0
    assert [f"{statement};" for statement in json.loads(capsys.readouterr().out)] == lines
