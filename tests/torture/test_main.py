from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture import __main__ as torture
from tests.torture.__main__ import Fault, main
from tests.torture.tally import Tally


def losing(lost: int) -> Fault:
    def run(rounds: int, seed: int, folder: Path) -> Tally:
        assert folder.is_dir()
        return Tally(rounds=rounds, acknowledged=seed, losses={"lost": lost}, remarks=("a remark",))

    return Fault("losing", "what is done", 7, run)


def test_what_was_found_stands_in_a_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torture, "FAULTS", (losing(0),))
    assert main(["--seed", "5", "--write", str(tmp_path / "table.md")]) == 0
    assert "\n| what is done | 7 | 5 | 0 lost; a remark | 0 |\n" in capsys.readouterr().out
    assert "| what is done | 7 | 5 | 0 lost; a remark | 0 |" in (tmp_path / "table.md").read_text(encoding="utf-8")


def test_loss_and_rounds_that_did_not_happen_are_told_by_the_exit_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torture, "FAULTS", (losing(1), losing(0)))
    assert main([]) == 1
    monkeypatch.setattr(torture, "FAULTS", (losing(0),))
    assert main([]) == 0
    assert main(["--rounds", "-1"]) == 1


def test_what_cannot_be_done_here_is_told_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torture, "FAULTS", (Fault("no", "what is done", 7, lambda *_: pytest.skip("it is raining")),))
    assert main(["--only", "no"]) == 0
    assert "| what is done | 0 |  | not run: it is raining |  |" in capsys.readouterr().out
