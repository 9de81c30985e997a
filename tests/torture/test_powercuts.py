from __future__ import annotations

from pathlib import Path

from tests.torture import powercuts


def test_a_power_cut_at_any_moment_loses_nothing_acknowledged(in_memory: Path) -> None:
    tally = powercuts.torture(30, 0, in_memory)
    assert tally.losses == {"lost": 0, "dangling": 0, "corrupt": 0, "halved": 0, "stuck": 0}
    assert tally.acknowledged > 0


def test_a_store_that_did_not_wait_for_the_disk_would_be_seen_to_lose(in_memory: Path) -> None:
    tally = powercuts.torture(25, 0, in_memory, synchronous="NORMAL")
    assert tally.losses["lost"] > 0
    assert tally.losses["corrupt"] == 0


def test_a_store_that_never_synced_would_be_seen_to_be_corrupt(in_memory: Path) -> None:
    assert powercuts.torture(25, 0, in_memory, synchronous="OFF").losses["corrupt"] > 0


def test_a_payload_that_was_not_synced_would_be_seen_to_dangle(in_memory: Path) -> None:
    """SQLite syncs with another call than files of payloads are synced with."""
    assert powercuts.torture(25, 0, in_memory, ignored="fsync").losses["dangling"] > 0
