from pathlib import Path

import pytest

from genwright_storage import durable


def test_folders_reach_the_disk_with_those_they_lie_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[Path] = []
    monkeypatch.setattr(durable, "flush", flushed.append)
    durable.make_private(tmp_path / "a" / "b")
    assert flushed == [tmp_path, tmp_path / "a"]
    durable.make_private(tmp_path / "a" / "b")
    assert len(flushed) == 2
    assert [p.stat().st_mode & 0o777 for p in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700, 0o700]


def test_a_file_is_made_for_the_owner_alone_and_one_that_is_there_left(tmp_path: Path) -> None:
    durable.make_private_file(tmp_path / "new")
    assert ((tmp_path / "new").stat().st_mode & 0o777, (tmp_path / "new").read_bytes()) == (0o600, b"")
    (tmp_path / "old").write_bytes(b"x")
    (tmp_path / "old").chmod(0o644)
    durable.make_private_file(tmp_path / "old")
    assert ((tmp_path / "old").stat().st_mode & 0o777, (tmp_path / "old").read_bytes()) == (0o644, b"x")
