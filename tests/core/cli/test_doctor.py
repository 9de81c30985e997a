from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from genwright.cli import main
from genwright.cli.devices import devices
from genwright.cli.doctor import Findings, _devices
from genwright_storage.sqlite import APPLICATION

Install = Callable[..., None]
Capture = pytest.CaptureFixture[str]

SQLITE = """
from genwright.hooks import hookimpl
from genwright.specs import StoreSpec
@hookimpl
def register_stores():
    yield StoreSpec(name="sqlite", target="a:b", summary="a file")
"""


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the user's is looked at, and PyTorch is not imported in each test."""
    monkeypatch.setenv("GENWRIGHT_STORE", "memory:")
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path))
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR", raising=False)
    monkeypatch.setattr("genwright.cli.doctor._devices", lambda findings: None)


def examined(capsys: Capture, *, wrong: bool) -> dict[str, Any]:
    assert main(["doctor", "--json"]) == int(wrong)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert bool(found["troubles"]) is wrong
    return found


def with_sqlite(install: Install, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    # Where genwright-storage is installed beside core, it is the plugin that serves the scheme.
    if importlib.util.find_spec("genwright_storage") is None:
        install("sql", SQLITE)
    monkeypatch.setenv("GENWRIGHT_STORE", f"sqlite:///{path}")


def test_a_sound_machine_has_nothing_wrong(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert "Nothing is wrong." in printed
    assert "  core: genwright-core" in printed
    assert "to know" not in printed


def test_an_sqlite_with_the_fault_of_the_log_is_noted(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    (note,) = examined(capsys, wrong=False)["notes"]
    assert "can damage a file that several processes write at once, by a fault that 3.51.3 mends" in note


def test_refused_plugins_are_what_is_wrong(install: Install, capsys: Capture) -> None:
    install("bad", "1/0")
    install("worse", "def")
    troubles = examined(capsys, wrong=True)["troubles"]
    assert [trouble[:42] for trouble in troubles] == [
        "plugin 'bad' (genwright-bad 0.3.1) is refu",
        "plugin 'worse' (genwright-worse 0.3.1) is ",
    ]


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ImportError('libtorch.so is missing')", "ImportError: libtorch.so is missing"),
        ("import os; os._exit(7)", "7"),
    ],
)
def test_a_pytorch_that_cannot_be_imported_is_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    (tmp_path / "torch.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    findings = Findings()
    _devices(findings)
    (trouble,) = findings.troubles
    assert trouble.startswith("PyTorch cannot be imported: ")
    assert reason in trouble


def test_devices_name_the_processor() -> None:
    found = json.loads(json.dumps(devices()))
    assert found["threads"] >= 1
    assert found["cpu"]


def test_a_store_without_its_plugin_is_what_is_wrong(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_STORE", "tape:///dev/st0")
    (trouble,) = examined(capsys, wrong=True)["troubles"]
    assert trouble.startswith("the store tape:///dev/st0 needs a plugin for 'tape'; there are ")


def test_a_store_whose_url_names_no_file_is_what_is_wrong(
    install: Install, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_sqlite(install, monkeypatch, tmp_path / "s.sqlite")
    monkeypatch.setenv("GENWRIGHT_STORE", "sqlite://tmp/s.sqlite")
    (trouble,) = examined(capsys, wrong=True)["troubles"]
    assert trouble.endswith("got 'sqlite://tmp/s.sqlite'. Write three slashes.")


def test_a_store_that_is_not_made_yet_is_fine(
    install: Install, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_sqlite(install, monkeypatch, tmp_path / "deep" / "s.sqlite")
    store = examined(capsys, wrong=False)["store"]
    assert store["size"] is None
    assert store["free"] > 0
    assert not (tmp_path / "deep").exists()


def test_a_store_is_sized_and_not_changed(
    install: Install, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "my store.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a)")
        connection.execute(f"PRAGMA application_id={APPLICATION}")
    connection.close()
    before = path.read_bytes()
    with_sqlite(install, monkeypatch, path)
    assert examined(capsys, wrong=False)["store"]["size"] == len(before)
    assert path.read_bytes() == before


def test_a_database_of_another_program_is_what_is_wrong(
    install: Install, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was once found fine, and refused by every command."""
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    connection.close()
    with_sqlite(install, monkeypatch, path)
    (trouble,) = examined(capsys, wrong=True)["troubles"]
    assert trouble == (
        f"the store {path} cannot be used: it is a database of another program. Name another file in GENWRIGHT_STORE."
    )


def test_a_file_that_is_no_database_is_what_is_wrong(
    install: Install, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "s.sqlite"
    path.write_bytes(b"no database at all " * 100)
    with_sqlite(install, monkeypatch, path)
    (trouble,) = examined(capsys, wrong=True)["troubles"]
    assert trouble.startswith(f"the store {path} cannot be used: file is not a database. Restore a backup, or name")


def test_a_mirror_that_is_no_folder_is_what_is_wrong(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_DATA_MIRROR", "/no/such/folder")
    (trouble,) = examined(capsys, wrong=True)["troubles"]
    assert trouble.startswith("GENWRIGHT_DATA_MIRROR names a folder with data sets; /no/such/folder is none.")


def test_a_pytorch_that_never_comes_back_is_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def wait(command: list[str], **options: object) -> None:
        raise subprocess.TimeoutExpired(command, 120)

    monkeypatch.setattr(subprocess, "run", wait)
    findings = Findings()
    _devices(findings)
    assert findings.troubles == ["PyTorch was not imported within 120 seconds. Install it again."]


def test_a_python_without_sqlite_is_what_is_wrong(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    (trouble,) = examined(capsys, wrong=True)["troubles"]
    assert trouble.startswith("this Python has no SQLite: ")
    assert trouble.endswith("Install a Python with it.")


def test_a_folder_that_may_not_be_written_is_what_is_wrong(
    install: Install, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with_sqlite(install, monkeypatch, tmp_path / "s.sqlite")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (trouble,) = examined(capsys, wrong=True)["troubles"]
    assert trouble.endswith(f"cannot be used: {tmp_path} may not be written. Change its permissions.")


def test_what_is_wrong_and_what_to_know_are_printed_last(install: Install, capsys: Capture) -> None:
    install("bad", "1/0")
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "\nwrong: plugin 'bad' (genwright-bad 0.3.1) is refused: it cannot be imported: ZeroDivision" in printed
    assert "Nothing is wrong." not in printed
