import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genwright.errors import DataError
from genwright_storage import witness
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


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_head_is_noted_whole_where_the_system_writes_a_part_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A short write was taken for a whole one: a head was told to be noted of which a part was there."""
    write = os.write
    monkeypatch.setattr("genwright_storage.witness.os.write", lambda handle, data: write(handle, data[:size]))
    for note in NOTES:
        note_head(tmp_path / "heads", note)
    assert notes_in((tmp_path / "heads").read_text(encoding="utf-8")) == NOTES


def _filling_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk take ten bytes more and be full then."""
    write, room = os.write, [10]

    def limited(handle: int, data: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data[: room.pop()])

    monkeypatch.setattr("genwright_storage.witness.os.write", limited)


def test_a_head_for_which_there_is_too_little_space_leaves_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "heads"
    note_head(file, NOTES[0])
    with monkeypatch.context() as patch:
        _filling_up(patch)
        with pytest.raises(DataError, match=r"should be noted in .*; it cannot be written: No space left on device"):
            note_head(file, NOTES[1])
    note_head(file, NOTES[2])
    assert notes_in(file.read_text(encoding="utf-8")) == [NOTES[0], NOTES[2]]


def test_notes_of_several_processes_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is taken back takes none of another with it: while it is written, nobody else writes."""
    file = tmp_path / "heads"
    file.touch()
    monkeypatch.setattr(witness, "_PATIENCE", 0.0)
    with file.open("a", encoding="utf-8") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DataError, match=r"it cannot be written: another process is noting a head there. Name"):
            note_head(file, NOTES[1])
    note_head(file, NOTES[1])
    assert notes_in(file.read_text(encoding="utf-8")) == [NOTES[1]]


def test_several_processes_note_heads_in_one_repository(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    program = (
        "import sys; from pathlib import Path; from genwright_storage.witness import note_head\n"
        f"for size in range(5): note_head(Path({str(tmp_path)!r}), f'example.org/{{sys.argv[1]}}\\n{{size}}\\nroot\\n')"
    )
    named = {f"GIT_{role}_{what}": "auditor" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **named, "PYTHONPATH": os.pathsep.join(sys.path)}
    begun = [subprocess.Popen([sys.executable, "-c", program, str(at % 2)], env=environment) for at in range(4)]
    assert [process.wait(60) for process in begun] == [0] * 4
    count = subprocess.run(["git", "-C", str(tmp_path), "rev-list", "--count", "HEAD"], capture_output=True, text=True)
    assert count.stdout == "20\n"


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.ENOSYS])
def test_where_files_have_no_locks_a_head_is_noted_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refused(handle: int, until: float) -> bool:
        raise OSError(error, "no locks here")

    monkeypatch.setattr(witness, "locked", refused)
    note_head(tmp_path / "heads", NOTES[0])
    assert notes_in((tmp_path / "heads").read_text(encoding="utf-8")) == [NOTES[0]]
