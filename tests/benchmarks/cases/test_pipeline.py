from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.cases import pipeline
from benchmarks.peers.diffusers_ddim import Wrapped, peer
from benchmarks.setting import Setting
from genwright.readings import Condition

needs_diffusers = pytest.mark.skipif(importlib.util.find_spec("diffusers") is None, reason="diffusers is not installed")
SIZE = replace(pipeline._QUICK, theirs=(8, 16), steps=3, rows=2)


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    monkeypatch.setattr(pipeline, "_QUICK", replace(SIZE, ours=8))
    return Setting(model="", quick=True, samples=1, scratch=tmp_path)


def test_a_peer_that_is_not_installed_is_told_and_ours_is_measured(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(**given: Any) -> None:
        raise ImportError("No module named 'diffusers'")

    monkeypatch.setattr(pipeline, "peer", missing)
    found = list(pipeline.rows(setting))
    assert {row.verdict for row in found if row.target} == {"not measured"}
    assert [row.value is not None for row in found if row.unit == "/CPU-s"] == [True, True]
    assert all("diffusers is not installed" in row.note for row in found)


@needs_diffusers
def test_one_network_gives_the_same_samples_by_our_steps_and_by_theirs() -> None:
    other = peer(shape=(1, 28, 28), channels=SIZE.theirs, blocks=1, steps=10, dtype=torch.float32)
    assert pipeline.farthest(other, 3) < 1e-4


@needs_diffusers
def test_a_level_of_noise_is_the_time_at_which_theirs_has_it() -> None:
    other = peer(shape=(1, 28, 28), channels=SIZE.theirs, blocks=1, steps=10, dtype=torch.float32)
    x, sigma = torch.ones(2, 1, 28, 28), other.sigmas[4]
    found = Wrapped(other).denoise(x, torch.full((2,), sigma), Condition.none(2))
    with torch.inference_mode():
        noise = other.network(x / (1 + sigma**2) ** 0.5, other.scheduler.timesteps[4]).sample
    assert torch.allclose(found, x - sigma * noise, atol=1e-5)


@needs_diffusers
def test_both_precisions_are_measured_beside_theirs(setting: Setting) -> None:
    found = list(pipeline.rows(setting))
    same, *speeds = found
    assert same.verdict == "pass"
    compared = [row.name.rpartition("ours to ")[2] for row in speeds if "ours to" in row.name]
    steps, whole = "DDIMPipeline's", "the float32 DDIMPipeline's"
    assert compared == [steps, steps, steps, whole, steps]
    assert all(row.value is not None and row.value > 0 for row in speeds)
    assert sum(row.target is not None for row in speeds) == 3
