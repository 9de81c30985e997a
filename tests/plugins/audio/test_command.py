from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from genwright.errors import DataError
from genwright_audio.command import carried_out, parser_of

PARSER = parser_of("coding", "Train a codec.", {"steps": (7, "of the optimiser")})


def test_a_folder_recordings_and_numbers_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    asked = PARSER.parse_args(["mine", "a.wav", "b.wav", "--steps=3"])
    assert (asked.folder, asked.files, asked.steps) == (Path("mine"), [Path("a.wav"), Path("b.wav")], 3)
    assert PARSER.parse_args(["mine", "a.wav"]).steps == 7
    with pytest.raises(SystemExit):
        PARSER.parse_args(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "usage: python -m genwright_audio.coding" in said
    assert "--steps STEPS of the optimiser; 7 if not given" in said


def test_what_is_trained_appears_whole(tmp_path: Path) -> None:
    def train(asked: argparse.Namespace, folder: Path) -> None:
        folder.mkdir()
        (folder / "steps").write_text(str(asked.steps))
        assert not (tmp_path / "mine").exists()

    assert carried_out(PARSER, train, [str(tmp_path / "mine"), "a.wav"]) == 0
    assert (tmp_path / "mine" / "steps").read_text() == "7"


@pytest.mark.parametrize("error", [DataError("It is none. Leave it out."), OSError(28, "No space left on device")])
def test_of_what_cannot_be_trained_nothing_appears_and_it_is_said_why(
    error: Exception, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(asked: argparse.Namespace, folder: Path) -> None:
        folder.mkdir()
        (folder / "half").touch()
        raise error

    assert carried_out(PARSER, train, [str(tmp_path / "mine"), "a.wav"]) == 1
    assert capsys.readouterr().err == f"Refused: {error}\n"
    assert list(tmp_path.iterdir()) == []
