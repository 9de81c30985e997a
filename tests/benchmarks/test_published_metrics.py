from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import published_metrics


@pytest.mark.parametrize(("relative", "code"), [(0.0, 0), (-9e-4, 0), (1e-3, 1), (-0.5, 1), (float("nan"), 1)])
def test_a_difference_beyond_the_tolerance_fails_and_is_told(
    relative: float, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GENWRIGHT_DATA_MIRROR", str(tmp_path))
    monkeypatch.setattr(published_metrics, "RESULT", tmp_path / "result.md")
    for name in ("read_published", "read_lines", "read_samples"):
        monkeypatch.setattr(published_metrics, name, lambda *_: [])
    rows = [("| one |", 0.0), ("| other |", relative)]
    monkeypatch.setattr(published_metrics, "measure", lambda model, *_: iter(rows if model == "vae" else []))
    assert published_metrics.main() == code
    text = (tmp_path / "result.md").read_text(encoding="utf-8")
    assert ("FAIL: 1 differ by 0.1 % or more:\n\n| other |" in text) == bool(code)
    assert ("All differ by less than 0.1 %" in text) != bool(code)
