from __future__ import annotations

from pathlib import Path

from tests.torture import readers


def test_a_reader_sees_all_that_was_acknowledged_and_never_half_a_batch(tmp_path: Path) -> None:
    tally = readers.torture(30, 0, tmp_path)
    assert tally.losses == {"lost": 0, "halved": 0}
    assert tally.acknowledged > 0
