from __future__ import annotations

from pathlib import Path

from tests.torture import fulldisk


def test_a_full_disk_refuses_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    tally = fulldisk.torture(24, 0, tmp_path)
    assert tally.losses == {"lost": 0, "dangling": 0, "corrupt": 0, "halved": 0, "stuck": 0, "unexplained": 0}
    assert tally.acknowledged > 0
