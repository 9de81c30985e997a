from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from benchmarks import shipped
from benchmarks.cases.sampling import replay as module
from benchmarks.row import Row
from benchmarks.setting import Setting

SMOKE = Setting(model="images/fashion-student", quick=True, smoke=True, samples=2, scratch=Path())


@pytest.fixture(autouse=True)
def on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usual_device", lambda: torch.device("cpu"))


def measured(monkeypatch: pytest.MonkeyPatch, *, wrong: set[int]) -> Row:
    """Return the row of a model whose samples of some indices are others where they are drawn alone."""

    def generation(*args: object, **given: object) -> SimpleNamespace:
        def tensors(indices: torch.Tensor) -> torch.Tensor:
            alone = len(indices) == 1 and int(indices) in wrong
            return indices[:, None].double() + alone

        return SimpleNamespace(tensors=tensors)

    monkeypatch.setattr(module, "generation", generation)
    monkeypatch.setattr(module, "_SAMPLES", 200)
    return module._row("a/model", Setting(model="sampling", quick=False, samples=2, scratch=Path()), allowed=3.0)


def test_samples_that_are_the_same_again_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    row = measured(monkeypatch, wrong=set())
    assert (row.value, row.verdict) == (1.0, "pass")
    assert row.note.startswith("200 samples drawn in one call, rows=16; the same again: ")
    for size in (100, 16, 7, 1):
        assert f"{size} at once 200 of 200" in row.note
    assert "two threads 200 of 200" in row.note


def test_samples_that_are_others_alone_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    row = measured(monkeypatch, wrong={3, 199})
    assert row.verdict == "FAIL"
    assert "1 at once 198 of 200" in row.note


def test_no_more_is_drawn_than_time_allows() -> None:
    asked: list[int] = []

    def digests(indices: Sequence[int]) -> list[str]:
        asked.append(len(indices))
        return ["x"] * len(indices)

    assert module._same(digests, ["x"] * 50, 7, 0.0) == (asked[0], asked[0])
    assert len(asked) == 1


def test_what_takes_too_long_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "generation", lambda *args, **given: None)
    monkeypatch.setattr(module, "_timed", lambda made, indices: (["x"] * 16, 30.0))
    row = module._row("a/model", Setting(model="sampling", quick=False, samples=2, scratch=Path()), allowed=20.0)
    assert (row.verdict, row.note) == (
        "not measured",
        "16 samples take 30 s, of 20 s allowed for all.",
    )


def test_a_model_that_is_not_here_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: object, **given: object) -> None:
        raise shipped.Missing("No module named 'rdkit'")

    monkeypatch.setattr(module, "generation", missing)
    (row,) = module.rows(SMOKE)
    assert (row.value, row.note) == (None, "No module named 'rdkit'")


def test_a_model_that_ships_draws_the_same_again() -> None:
    (row,) = module.rows(SMOKE)
    assert row.value == 1.0
    assert "1 at once 1 of 1" in row.note
