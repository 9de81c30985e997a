from __future__ import annotations

from pathlib import Path

from tests.torture import alarms


def test_a_sound_store_raises_no_alarm_in_constant_memory(tmp_path: Path) -> None:
    tally = alarms.torture(20_000, 0, tmp_path)
    assert tally.losses == {"false alarms": 0, "grown": 0}
