from __future__ import annotations

from pathlib import Path

import pytest

from tests.storage.server import Server
from tests.torture import postgresql, readers, writers
from tests.torture.postgresql import need_store


def test_a_server_shut_down_while_it_is_written_to_loses_nothing_acknowledged(server: Server, tmp_path: Path) -> None:
    tally = postgresql.torture(3, 0, tmp_path, server=server)
    assert tally.losses == {"lost": 0, "dangling": 0, "corrupt": 0, "halved": 0}
    assert tally.acknowledged > 0


def test_writers_that_are_killed_and_begun_anew_write_each_sample_once(postgresql: str, tmp_path: Path) -> None:
    need_store(postgresql)
    assert writers.torture(20, 0, tmp_path, url=postgresql, writers=8).is_clean


def test_a_reader_sees_all_that_was_acknowledged(postgresql: str, tmp_path: Path) -> None:
    need_store(postgresql)
    assert readers.torture(30, 0, tmp_path, url=postgresql).is_clean


def test_what_no_store_serves_is_skipped() -> None:
    with pytest.raises(pytest.skip.Exception, match="no store serves carrier-pigeon: yet"):
        need_store("carrier-pigeon:coop")
