from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.peers import record_loggers
from benchmarks.peers.record_loggers import CALLS, main


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put back what it sets for the peers."""
    for name in ("LLM_USER_PATH", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"):
        monkeypatch.setenv(name, "")


def test_each_line_is_answered_and_what_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[int] = []

    def log(folder: Path, count: int) -> Callable[[], object]:
        assert folder.is_dir()
        return lambda: logged.extend(range(count))

    monkeypatch.setitem(CALLS, "good", log)
    versions, good, bad = main(tmp_path, iter(['["good", 3]', '["bad", 1]']))
    assert versions.keys() <= set(record_loggers.PACKAGES)
    assert logged == [0, 1, 2]
    assert good.keys() == {"clock", "processor"}
    assert bad == {"trouble": "KeyError: 'bad'"}
    assert list(tmp_path.iterdir()) == []


def test_the_peers_log_where_they_are_installed(tmp_path: Path) -> None:
    python = os.environ.get("GENWRIGHT_PEERS_PYTHON")
    if not python:
        pytest.skip("$GENWRIGHT_PEERS_PYTHON names no interpreter that has llm and MLflow")
    asked = "".join(json.dumps([call, 2]) + "\n" for call in CALLS)
    done = subprocess.run(
        [python, str(record_loggers.__file__), str(tmp_path)], input=asked, capture_output=True, text=True
    )
    versions, *answers = map(json.loads, done.stdout.splitlines())
    assert "llm" in versions
    assert [sorted(answer) for answer in answers] == [["clock", "processor"]] * len(CALLS)
