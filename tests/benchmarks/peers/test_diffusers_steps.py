from __future__ import annotations

import sys

import pytest
import torch

from benchmarks.peers.diffusers_steps import step
from genwright.kernels.sampler_step.spec import SPEC
from genwright.kernels.spec import Call

CALLS = {call.name: call for call in SPEC.awkward(torch.float32, torch.device("cpu")) if "of [2, 5]" in call.name}


def test_a_step_that_no_scheduler_has_has_no_peer() -> None:
    assert step(CALLS["heun corrects of [2, 5]"]) is None


def test_without_diffusers_there_is_no_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(ImportError, match="diffusers"):
        step(CALLS["euler of [2, 5]"])


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("kind", ["euler", "guided euler", "dpm", "guided dpm", "ddpm"])
def test_a_step_moves_samples_each_time_alike(kind: str) -> None:
    pytest.importorskip("diffusers", reason="a peer of the benchmark that the tests do not install")
    call: Call = CALLS[f"{kind} of [2, 5]"]
    made = step(call)
    assert made is not None
    made()
    # Those of two steps have taken their first from now on, and DDPM's draws noise.
    first, second = made(), made()
    assert isinstance(first, tuple)
    assert isinstance(second, tuple)
    assert first[0].shape == call.args[0].shape
    assert not torch.equal(first[0], call.args[0])
    assert kind == "ddpm" or torch.equal(first[0], second[0])
