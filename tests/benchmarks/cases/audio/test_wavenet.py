from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.cases.audio import wavenet
from benchmarks.row import Row, at_least, at_most
from benchmarks.setting import Setting


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """The section, of two small networks."""
    with pytest.MonkeyPatch.context() as patch:
        small = {"width": 32, "skip": 32, "depth": 2}
        patch.setattr(wavenet, "_NETWORKS", {"ships": {**small, "stride": 2}, "plain": small})
        patch.setattr(wavenet, "_MODEL", "audio/none")
        scratch: Path = tmp_path_factory.mktemp("scratch")
        return list(wavenet.rows(Setting(model="audio", quick=True, smoke=True, samples=2, scratch=scratch)))


def test_what_is_promised_is_of_the_network_that_ships(rows: list[Row]) -> None:
    targets = [(row.name.partition(":")[0], str(row.target)) for row in rows if row.target is not None]
    wanted = [str(at_least(80)), str(at_most(1e-5))]
    assert targets == [
        ("ships", wanted[0]), ("ships", wanted[1]), *[("ships", str(at_least(1)))] * 2,
        ("plain", wanted[0]), ("plain", wanted[1]),
    ]  # fmt: skip


def test_logits_are_those_of_the_whole_row_and_every_rate_is_measured(rows: list[Row]) -> None:
    apart = [row for row in rows if row.name.endswith("farthest logit")]
    assert [row.verdict for row in apart] == ["pass", "pass"]
    rates = [row for row in rows if row.unit in ("times", "samples/s")]
    assert len(rates) == 10
    assert all(row.value is not None and row.value > 0 and row.processor for row in rates)


def test_a_row_in_real_time_is_the_sound_of_a_second_of_processor_time(rows: list[Row]) -> None:
    row = next(row for row in rows if row.name.startswith("ships: one stream, its logits alone"))
    assert row.spread is not None
    assert row.spread[0] <= 1e6 / (row.processor or 0) / 8_000 <= row.spread[1]


def test_a_model_that_is_not_there_is_told(rows: list[Row]) -> None:
    assert (rows[-1].name, rows[-1].value) == ("audio/none: nats a sample", None)
    assert rows[-1].note == "There is no such model yet."
