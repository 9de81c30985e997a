from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import genwright as gw
from genwright.cli import main

Capture = pytest.CaptureFixture[str]
Generate = Callable[..., int]
DOMAIN = "genwright_rhythms.domain.RhythmsDomain"


@pytest.fixture
def generate(rhythms: Path, rhythms_model: Path, home: Path) -> Generate:
    """Call `genwright generate --stream` with a small model."""
    return lambda *arguments: main(["generate", str(rhythms_model), "--seed", "5", "--stream", *map(str, arguments)])


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the domain be one whose items are no text."""
    monkeypatch.setattr("genwright.cli.streaming.is_text", lambda media_type: False)


def drawn() -> list[str]:
    with closing(gw.open_store()) as store:
        return [record.payload.decode() for record in store.samples(run=next(iter(store.runs())).id)]


def test_texts_are_printed_as_they_come_one_a_line(generate: Generate, capsys: Capture) -> None:
    assert generate("-n", 20) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == drawn()
    assert "20 samples, " in err
    assert "See them: genwright samples list --run" in err


def test_text_is_there_before_its_sample_is_whole(generate: Generate, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, str]] = []
    monkeypatch.setattr(f"{DOMAIN}.pour", lambda domain, stages, file, ending: seen.extend(stages), raising=False)
    assert generate("-n", 2) == 0
    assert [item for number, item in seen if number == 0][-1] == drawn()[0]
    assert len([number for number, _ in seen if number == 0]) > 5


def test_items_name_their_sample_where_it_is_recorded(generate: Generate, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, str]] = []
    monkeypatch.setattr(f"{DOMAIN}.pour", lambda domain, stages, file, ending: seen.extend(stages), raising=False)
    monkeypatch.setattr(f"{DOMAIN}.attributed", lambda domain, item, sample: sample, raising=False)
    assert generate("-n", 3) == 0
    with closing(gw.open_store()) as store:
        run = next(iter(store.runs())).id
    assert dict(seen) == {number: f"{run}/{number}" for number in range(3)}
    seen.clear()
    assert generate("-n", 3, "--no-store") == 0
    assert not any("/" in item for _, item in seen)


def test_a_file_holds_what_was_drawn(generate: Generate, capsys: Capture, tmp_path: Path) -> None:
    assert generate("-n", 5, "--output", tmp_path / "new.txt") == 0
    assert (tmp_path / "new.txt").read_text().splitlines() == drawn()
    assert capsys.readouterr().out == ""


def test_where_drawing_is_stopped_what_is_written_stays_and_how_to_go_on_is_said(
    generate: Generate, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(domain: Any, stages: Iterable[tuple[int, str]], file: BinaryIO, *, ending: str) -> None:
        for number, item in stages:
            file.write(item[:1].encode())
            if number == 2:
                raise KeyboardInterrupt

    monkeypatch.setattr(f"{DOMAIN}.pour", broken, raising=False)
    assert generate("-n", 5, "--output", tmp_path / "new.txt") == 130
    assert len((tmp_path / "new.txt").read_text()) > 2
    assert "Stopped. 2 of 5 samples are recorded. Go on with: genwright runs resume" in capsys.readouterr().err


def test_of_what_could_not_begin_no_file_is_left(
    generate: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(domain: Any, stages: Any, file: BinaryIO, *, ending: str) -> None:
        raise gw.GenwrightError(f"not to {ending}")

    monkeypatch.setattr(f"{DOMAIN}.pour", refused, raising=False)
    assert generate("--output", tmp_path / "new.txt") == 1
    assert not (tmp_path / "new.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json"], "writes each as it comes; got --json too, which is for samples that are drawn together. Leave"),
        (["--rows", 16, "--workers", 2], "got --workers, --rows too"),
        (["--batch-size", 7, "--precision", "bfloat16"], "got --batch-size, --precision too"),
        (["--grid", "new.svg"], "got --grid too"),
        (["--sampler", "guided"], "'guided' gives them whole. Choose a sampler such as 'temperature' or 'top-p'."),
        (["-n", 0], "n is a whole number from 1"),
    ],
)
def test_what_cannot_be_streamed_is_refused(
    generate: Generate, capsys: Capture, tmp_path: Path, arguments: list[Any], message: str
) -> None:
    arguments = [tmp_path / one if str(one).endswith(".svg") else one for one in arguments]
    assert generate(*arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("untold")
def test_items_without_a_form_to_grow_in_are_refused(generate: Generate, capsys: Capture) -> None:
    assert generate() == 2
    assert "rhythms cannot be written while they are drawn. Generate without --stream." in capsys.readouterr().err


@pytest.mark.usefixtures("untold")
def test_what_is_no_text_is_not_written_to_a_terminal(
    generate: Generate, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(f"{DOMAIN}.pour", lambda domain, stages, file, ending: list(stages), raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert generate() == 2
    assert "rhythms are not text, which alone a terminal shows. Give --output FILE" in capsys.readouterr().err
    assert generate("-n", 2, "--output", tmp_path / "new.bin") == 0
