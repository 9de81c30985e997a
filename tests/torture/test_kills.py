from __future__ import annotations

from pathlib import Path

from tests.torture import kills


def test_a_writer_killed_at_any_moment_loses_nothing_acknowledged(tmp_path: Path) -> None:
    tally = kills.torture(15, 0, tmp_path)
    assert tally.losses == {"lost": 0, "dangling": 0, "corrupt": 0, "halved": 0}
    assert tally.rounds == 15
    assert tally.acknowledged > 0
