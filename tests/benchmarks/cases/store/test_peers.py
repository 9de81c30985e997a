from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.cases.store import peers
from benchmarks.cases.store.peers import NoPeers
from benchmarks.rates import Spent
from benchmarks.setting import Setting

PROGRAM = """
import json, sys
print(json.dumps({"llm": "0.36", "mlflow-skinny": "3.17.2"}), flush=True)
for line in sys.stdin:
    call, count = json.loads(line)
    print(json.dumps({"trouble": "no"} if call == "bad" else {"clock": 2.0, "processor": count / 10}), flush=True)
"""


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the peers' interpreter runs."""
    path = tmp_path / "program.py"
    path.write_text(PROGRAM, encoding="utf-8")
    monkeypatch.setattr(peers, "_PROGRAM", path)
    return path


def test_each_call_of_a_peer_has_its_rows(program: Path, setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers.ingest, "ours", lambda scratch, count, batch: Spent(count, count / 1000, 1.0))
    given = Setting(**{**vars(setting), "peers_python": sys.executable})
    rows = list(peers.rows(given))
    assert len(rows) == 11
    assert rows[0].name == "`put_samples` of one record a call to llm log_to_db"
    assert (rows[0].value, rows[0].verdict) == (pytest.approx(1000.0), "pass")
    assert rows[0].note.startswith("llm log_to_db (0.36): 1/s")
    assert "(3.17.2)" in rows[1].note
    assert all("not like with like" in row.note for row in rows[5:10])
    assert [row.verdict for row in rows[5:]] == [""] * 6


def test_peers_that_are_not_there_are_told_and_not_left_out(setting: Setting) -> None:
    rows = list(peers.rows(setting))
    assert [row.verdict for row in rows] == ["not measured"] * 5 + [""]
    assert rows[0].note.startswith("Not measured: no interpreter was given that has llm and MLflow;")
    assert "requirements-store.txt" in rows[0].note


@pytest.mark.parametrize(
    ("python", "program_text", "said"),
    [
        ("/nowhere/python", PROGRAM, "/nowhere/python does not run"),
        (sys.executable, PROGRAM.replace('"llm": "0.36", ', ""), "has {'mlflow-skinny': '3.17.2'}"),
        (sys.executable, "print({})", "has neither llm nor MLflow"),
        (sys.executable, "", "ended early"),
    ],
)
def test_an_interpreter_without_them_is_told(
    python: str, program_text: str, said: str, program: Path, tmp_path: Path
) -> None:
    program.write_text(program_text, encoding="utf-8")
    with pytest.raises(NoPeers, match=said), peers.peers(python, tmp_path):
        pass


def test_a_call_that_fails_is_told(program: Path, tmp_path: Path) -> None:
    with pytest.raises(NoPeers, match="bad fails: no"), peers.peers(sys.executable, tmp_path) as found:
        found.log("bad", 1)
