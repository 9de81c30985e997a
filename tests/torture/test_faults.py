from __future__ import annotations

from pathlib import Path

from tests.torture import faults


def test_no_call_that_fails_leaves_an_inconsistent_store(in_memory: Path) -> None:
    tally = faults.torture(12, 0, in_memory)
    assert tally.losses == {"lost": 0, "dangling": 0, "corrupt": 0, "halved": 0, "stuck": 0, "unexplained": 0}
    assert tally.rounds >= 12
    assert tally.acknowledged > 0
