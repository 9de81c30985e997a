"""Steps of the schedulers of Hugging Face diffusers, as they are launched one operation after another."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor

from benchmarks.peers.diffusers_ddim import load_torchaudio
from genwright.kernels.spec import Call

__all__ = ["step"]

_STEPS, _AT = 20, 10
_GUIDANCE = 3.0


def step(call: Call) -> Callable[[], object] | None:
    """Return the step of a scheduler on samples such as a call of `sampler_step` has, or None if none does the same.

    Euler's step is that of DDIM without noise. Where the call is guided, so is the step, as pipelines write it. Raises
    ImportError without diffusers.
    """
    kind = call.name.partition(" of ")[0]
    if kind not in ("euler", "guided euler", "dpm", "guided dpm", "ddpm"):
        return None
    scheduler = _scheduler(kind.rpartition(" ")[2], device=call.args[0].device)
    return _stepping(scheduler, call.args[0], call.args[1], call.keywords.get("unasked"))


def _stepping(scheduler: Any, x: Tensor, asked: Tensor, unasked: Tensor | None) -> Callable[[], object]:
    time = scheduler.timesteps[_AT]

    def stepped() -> object:
        noise = asked if unasked is None else unasked + _GUIDANCE * (asked - unasked)
        # Schedulers of several steps count those that they took, and this is always the same.
        if hasattr(scheduler, "_step_index"):
            scheduler._step_index = _AT
        return scheduler.step(noise, time, x, return_dict=False)

    return stepped


def _scheduler(kind: str, *, device: Any) -> Any:
    load_torchaudio()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler

        made: Any = {"euler": DDIMScheduler, "dpm": DPMSolverMultistepScheduler, "ddpm": DDPMScheduler}[kind]()
        made.set_timesteps(_STEPS, device=device)
    return made
