from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks import shipped
from benchmarks.cases.sampling import drawn as module
from benchmarks.setting import Setting

CPU = torch.device("cpu")
SMOKE = Setting(model="sampling", quick=True, smoke=True, samples=2, scratch=Path())


@pytest.fixture(autouse=True)
def on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "usual_device", lambda: CPU)


def test_a_model_that_ships_is_measured() -> None:
    (row,) = module.rows(replace(SMOKE, model="images/fashion-student"))
    assert row.name == "images/fashion-student: images, 16 rows"
    assert row.value is not None
    assert row.note.startswith("16 samples, decoded; kernels: ")


def test_sound_is_counted_by_how_long_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    sounds = [SimpleNamespace(wave=np.zeros(length), rate=8_000) for length in (8_000, 24_000)]
    assert module._lasting(sounds) == 2.0
    made = SimpleNamespace(items=lambda indices: sounds, chosen={})
    monkeypatch.setattr(module, "generation", lambda *args, **given: made)

    def turns(work: Mapping[str, Callable[[], None]], *args: object, **given: object) -> dict[str, module.Repeated]:
        work[""]()
        return {"": module.Repeated((5.0,))}

    monkeypatch.setattr(module, "turns", turns)
    found = module._row(module.Drawn(name="a", what="seconds of sound"), SMOKE, CPU)
    assert found.value == 10.0
    assert found.note == "16 samples, decoded; no kernels served."


def test_a_model_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MODELS", (module.Drawn(name="images/none", what="images"),))
    (row,) = module.rows(SMOKE)
    assert row.value is None
    assert row.note.startswith("there is no model named 'images/none'")


def test_a_package_that_a_model_needs_and_is_not_here_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*args: object) -> None:
        raise ImportError("No module named 'rdkit'")

    monkeypatch.setattr(module.library, "find", missing)
    with pytest.raises(shipped.Missing, match="No module named 'rdkit'"):
        module.generation("molecules/druglike", SMOKE, CPU, rows=16)


def test_what_no_time_is_left_for_is_told() -> None:
    rows = list(module.rows(replace(SMOKE, until=0.0)))
    assert len(rows) == len(module.MODELS)
    assert {row.note for row in rows} == {"The time allowed had passed."}
