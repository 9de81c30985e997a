from __future__ import annotations

from benchmarks.cases import recording
from benchmarks.setting import Setting


def test_the_cost_of_the_store_and_every_part_of_generating_have_a_row(setting: Setting) -> None:
    within, between, *parts = recording.rows(setting)
    assert within.name == "processor time within the store, of 20 molecules' without it"
    assert within.value is not None
    assert within.value > 0
    assert within.verdict in ("pass", "FAIL")
    assert between.verdict == ""
    assert [part.name.removeprefix("part: ") for part in parts] == [
        "drawing with 'grammar'",
        "drawing with 'temperature'",
        "check",
        "canonical spelling",
        "InChIKey",
    ]
    assert all(part.value is not None and part.value > 0 for part in parts)
    # One for each repetition and the one that does not count.
    assert sorted(path.name for path in setting.scratch.glob("*.sqlite")) == [f"recording{i}.sqlite" for i in range(3)]
