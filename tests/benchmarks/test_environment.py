from __future__ import annotations

import platform

import pytest

from benchmarks.environment import command, environment


def test_the_machine_and_the_versions_are_told() -> None:
    told = environment()
    assert told["Python"] == platform.python_version()
    assert {"processor", "cores", "load", "threads", "torch", "rdkit", "numpy", "transformers", "SQLite"} <= told.keys()
    assert all(told.values())


def test_the_command_is_told_without_the_folder_it_was_called_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/benchmarks/run.py", "molecules", "--only", "peers"])
    assert command() == "python benchmarks/run.py molecules --only peers"
