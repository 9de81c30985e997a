from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from genwright.errors import StoreError
from genwright_storage.address import Address
from genwright_storage.dump import dump
from tests.storage.server import binaries


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path / "home"))
    programs = binaries()
    assert programs is not None
    monkeypatch.setenv("PATH", str(programs))
    return tmp_path / "home"


def test_a_copy_of_a_database_can_be_restored(team_url: str, team: str, home: Path) -> None:
    file = dump(Address.parse(team_url), "v0.1.0")
    assert file == home / f"{team}.v0.1.0.dump"
    assert file.stat().st_mode & 0o777 == 0o600
    listed = subprocess.run(["pg_restore", "--list", file], capture_output=True, text=True, check=True).stdout
    assert "TABLE DATA public log_frontier" in listed
    assert dump(Address.parse(team_url), "v0.1.0") == file


def test_a_copy_that_fails_is_told_and_leaves_nothing(team_url: str, home: Path) -> None:
    address = Address.parse(f"{team_url}_that_is_not_there")
    with pytest.raises(StoreError, match=r"it says: .*does not exist.*Use one as new as the server, or make a backup"):
        dump(address, "v0.1.0")
    assert list(home.iterdir()) == []


def test_without_the_program_a_backup_is_up_to_the_user(
    team_url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home))
    with pytest.raises(
        StoreError, match=r"it is not installed. Install PostgreSQL's client programs, or make a backup"
    ):
        dump(Address.parse(team_url), "v0.1.0")
    monkeypatch.setenv("GENWRIGHT_WITHOUT_BACKUP", "1")
    assert dump(Address.parse(team_url), "v0.1.0") is None
