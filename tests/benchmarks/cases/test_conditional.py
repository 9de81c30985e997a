from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.cases import conditional
from benchmarks.setting import Setting


def test_each_wish_is_drawn_once_by_each_sampler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn: Counter[str] = Counter()

    def draw(model: object, count: int, *, where: dict[str, float], sampler: object, **_: Any) -> list[Any]:
        drawn[f"{where} {sampler}"] += 1
        return [SimpleNamespace(item="CCO", is_valid=True)] * count

    monkeypatch.setattr(conditional.library, "find", lambda *_: None)
    monkeypatch.setattr(conditional.Model, "load", lambda *_: None)
    monkeypatch.setattr(conditional, "generate", draw)
    rows = list(conditional.rows(Setting(model="m", quick=True, samples=1, scratch=tmp_path)))
    assert set(drawn.values()) == {1}
    assert len(drawn) == 3 * (10 + 8 + 9)
    assert sum("logP and QED together" in row.name for row in rows) == 3 * 3
    assert sum(row.target is not None for row in rows) == 3 * 2
