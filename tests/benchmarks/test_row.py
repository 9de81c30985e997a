from __future__ import annotations

import math

import pytest

from benchmarks.row import Row, Target, at_least, at_most


@pytest.mark.parametrize(
    ("target", "value", "is_met"),
    [
        (at_least(0.97), 0.97, True),
        (at_least(0.97), 0.9699, False),
        (at_most(0.6), 0.6, True),
        (at_most(0.6), 0.61, False),
        (at_least(1.0), math.nan, False),
        (Target(low=1.0, high=2.0), 1.5, True),
        (Target(low=1.0, high=2.0), 2.5, False),
    ],
)
def test_a_target_is_met_from_its_bound_on(target: Target, value: float, is_met: bool) -> None:
    assert target.is_met(value) is is_met


def test_a_target_is_written_as_its_bounds() -> None:
    assert [str(at_least(0.97)), str(at_most(4.0)), str(Target(low=1, high=2))] == ["≥ 0.97", "≤ 4", "≥ 1, ≤ 2"]


def test_a_verdict_is_given_where_there_is_a_target() -> None:
    rows = [
        Row(section="s", name="n", value=1.0, target=at_least(1.0)),
        Row(section="s", name="n", value=0.5, target=at_least(1.0)),
        Row(section="s", name="n", value=None, target=at_least(1.0)),
        Row(section="s", name="n", value=0.5),
    ]
    assert [row.verdict for row in rows] == ["pass", "FAIL", "not measured", ""]
