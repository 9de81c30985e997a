import subprocess
from pathlib import Path

import pytest

from genwright.errors import DataError
from genwright_storage.witness import note_head, notes_in

NOTES = [f"example.org/log\n{size}\nroot\n\n— example.org/log signature\n" for size in (3, 4, 5)]


def test_heads_are_appended_to_a_file(tmp_path: Path) -> None:
    for note in NOTES:
        assert note_head(tmp_path / "heads", note) == tmp_path / "heads"
    assert notes_in((tmp_path / "heads").read_text(encoding="utf-8")) == NOTES


def test_one_head_is_read_as_it_is() -> None:
    assert notes_in(NOTES[0]) == [NOTES[0]]
    assert notes_in("") == [""]


def test_heads_are_committed_in_a_git_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "An Auditor")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "auditor@example.org")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / "other").write_text("not to be committed")
    subprocess.run(["git", "-C", str(tmp_path), "add", "other"], check=True)
    for note in NOTES:
        file = note_head(tmp_path, note)
    assert file.parent == tmp_path
    assert notes_in(file.read_text(encoding="utf-8")) == NOTES
    log = ["git", "-C", str(tmp_path), "log", "--format=%s", "--name-only"]
    out = subprocess.run(log, capture_output=True, text=True, check=True).stdout.split("\n")
    assert out[0] == "The head of 5 entries"
    assert "other" not in out
    assert out.count(file.name) == 3


def test_a_folder_that_is_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is committed to the git repository at .*; git rev-parse said: .*name a file"):
        note_head(tmp_path, NOTES[0])
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"should be noted in .*; it cannot be written: .*Name another place"):
        note_head(tmp_path / "nowhere" / "heads", NOTES[0])
