from __future__ import annotations

import math

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
    assert all("at 80 rows, above that at 8" in row.name for row in growths)
    assert [row.value for row in growths[1:]] == [pytest.approx(7.2)] * 2
    assert abs(growths[0].value or math.inf) < 16
    assert size.value is not None
    assert size.value > 100
    assert (imported.name, imported.unit) == ("import of `genwright_storage.store`", "s")


@pytest.mark.parametrize(("large", "verdict"), [(115.0, "pass"), (117.0, "FAIL"), (math.nan, "not measured")])
def test_growth_is_between_the_medians(large: float, verdict: str) -> None:
    row = memory._growth("verify", Repeated((99.0, 100.0, 101.0)), Repeated((large,)), 10, 100)
    assert row.verdict == verdict
    assert (row.value is None) == math.isnan(large)
