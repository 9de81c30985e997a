from __future__ import annotations

from pathlib import Path

from tests.torture import writers


def test_writers_of_one_run_that_are_killed_and_begun_anew_write_each_sample_once(tmp_path: Path) -> None:
    tally = writers.torture(20, 0, tmp_path, writers=8)
    assert tally.losses == {"lost": 0, "dangling": 0, "corrupt": 0, "twice": 0}
    assert tally.acknowledged == 8 * 20
