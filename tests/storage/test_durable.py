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


def test_what_is_not_there_cannot_be_flushed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        durable.flush(tmp_path / "nothing")
    durable.flush(tmp_path)
