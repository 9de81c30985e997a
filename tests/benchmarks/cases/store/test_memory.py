from __future__ import annotations

import math
from dataclasses import replace

import pytest

from benchmarks.cases.store import memory
from benchmarks.clock import Repeated
from benchmarks.setting import Setting


def test_memory_disk_and_import_are_measured(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "weighed", lambda action, url, count: 50 + count / 10)
    *growths, size, imported = memory.rows(setting)
    assert [row.name.partition(":")[0] for row in growths] == [
        "SQLite, `put_samples`, 1,000 records a call",
        "SQLite, `verify`",
        "SQLite, `samples()`",
    ]
    assert all("at 80 rows, above that at 40" in row.name for row in growths)
    assert [row.value for row in growths[1:]] == [pytest.approx(4.0)] * 2
    assert growths[0].value is not None
    assert abs(growths[0].value) < 16
    assert size.value is not None
    assert size.value > 100
    assert (imported.name, imported.unit) == ("import of `genwright_storage.store`", "s")


@pytest.mark.parametrize(("large", "verdict"), [(107.0, "pass"), (109.0, "FAIL"), (math.nan, "not measured")])
def test_growth_is_of_the_second_half(large: float, verdict: str, setting: Setting) -> None:
    peaks = {10: Repeated((50.0,)), 50: Repeated((99.0, 100.0, 101.0)), 100: Repeated((large,))}
    row = memory._growth("verify", peaks, replace(setting, quick=False))
    assert row.verdict == verdict
    assert (row.value is None) == math.isnan(large)
    assert row.value is None or "50 MiB at 10, 100 MiB at 50, " in row.note
