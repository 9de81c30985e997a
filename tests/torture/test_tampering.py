from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.torture import tampering
from tests.torture.workload import seeded_run


def test_all_that_was_tampered_with_is_found_and_named_and_nothing_else(tmp_path: Path) -> None:
    tally = tampering.torture(12, 0, tmp_path)
    assert tally.losses == {"undetected": 0, "misnamed": 0, "false alarms": 0}
    assert tally.rounds > 20


@pytest.mark.parametrize("way", tampering.WAYS_BACK)
def test_what_was_taken_back_shows_against_a_noted_head_alone(tmp_path: Path, way: str) -> None:
    sound = tampering.make_sound(tmp_path / "sound", 4, seeded_run(random.Random(0)))
    tally = tampering.rolled_back(sound, way)
    assert tally.losses["undetected"] == 0
    assert tally.remarks == (f"{way}: found against a noted head, not found without one",)
