"""Drawing images by a U-Net of 7.4 million weights: by diffusers, and from the same weights by ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import torch

from benchmarks.cases.kernels.machine import usual_device
from benchmarks.cases.peers import compared
from benchmarks.cases.sampling.turns import Work, turns, unit
from benchmarks.peers.diffusers_ddim import Peer
from benchmarks.peers.diffusers_unet import Denoiser, ours, peer
from benchmarks.row import Row, Target, at_least
from benchmarks.setting import Setting
from genwright.generation import threads
from genwright.launched import Launched
from genwright.readings import Condition
from genwright.samplers.denoise import DDIM, DenoiseSampler, DPMSolver
from genwright.seeds import Noise

__all__ = ["TESTS", "rows"]

TESTS = (
    "tests/core/samplers/test_denoise.py",
    "tests/benchmarks/peers/test_diffusers_unet.py",
    "tests/benchmarks/cases/sampling",
)

Solver = type[DPMSolver] | type[DDIM]

_SECTION = "denoised"
_THEIRS = "diffusers"
# By a GPU or not: rows at once, and how many times as fast as theirs ours is to be.
_ROWS = {"cpu": 16, "cuda": 64}
# Calls of so many rows each: on a GPU the network is one launch from its second call on, the whole loop too.
_CALLS = {"cpu": (1,), "cuda": (1, 8)}
_LEAST = {"cpu": 1.4, "cuda": 3.0}
_SAMPLERS: Mapping[str, tuple[Solver, int]] = {
    "dpm-solver++": (DPMSolver, 20),
    "ddim": (DDIM, 50),
}


def rows(setting: Setting) -> Iterator[Row]:
    """Yield images a second, in float32 by each sampler and in bfloat16 by the first, each work's done in turns."""
    device = usual_device()
    first, *_ = _SAMPLERS
    with threads(1):
        for name, dtype in (*((name, torch.float32) for name in _SAMPLERS), (first, torch.bfloat16)):
            target = at_least(_LEAST[device.type]) if dtype == torch.float32 and not setting.smoke else None
            for calls in _CALLS[device.type] if name == first else _CALLS[device.type][:1]:
                yield from _compared(name, dtype, device, setting, target, calls=calls)


def _compared(
    scheduler: str, dtype: torch.dtype, device: torch.device, setting: Setting, target: Target | None, *, calls: int
) -> Iterator[Row]:
    (sampler, steps), count = _SAMPLERS[scheduler], 2 if setting.smoke else _ROWS[device.type]
    steps = 2 if setting.smoke else steps
    name = f"{count} rows of 1 x 32 x 32, {scheduler}, {steps} steps, {str(dtype).removeprefix('torch.')}"
    name = name if calls == 1 else f"{calls} times {name}"
    missing = partial(Row, section=_SECTION, name=f"{name}: ours to {_THEIRS}'s", value=None, target=target)
    if setting.is_late:
        yield missing(note="The time allowed had passed.")
        return
    try:
        other = peer(scheduler, steps=steps, dtype=dtype, device=device)
    except ImportError as error:
        yield missing(note=f"diffusers is not installed ({error}): pip install -r benchmarks/requirements.txt.")
        return
    work = {"ours": _ours(other, sampler, steps, count, calls), _THEIRS: _theirs(other, count, calls)}
    found = turns(work, count * calls, device, repetitions=_repetitions(scheduler, setting), warm=device.type == "cuda")
    yield from compared(name, found, {_THEIRS: target}, "", section=_SECTION, unit=unit(device))


def _repetitions(scheduler: str, setting: Setting) -> int:
    return 1 if setting.smoke else 2 if scheduler == "ddim" else 3


def _ours(other: Peer, sampler: Solver, steps: int, count: int, calls: int) -> Work:
    """Return what our sampler draws from the peer's weights by our operations."""
    reading = Denoiser(other, ours(other.network))
    lowest, highest = reading.ends
    device = reading.sigmas.device
    made: DenoiseSampler = sampler(steps=steps, sigma_min=lowest, sigma_max=highest)
    noise = Noise(0, torch.arange(count * calls, device=device))
    condition, some = (Condition.none(number).to(device) for number in (count * calls, count))
    reading.denoise(torch.zeros(count, *reading.shape, device=device), reading.sigmas[:1].expand(count), some)
    return lambda: made.sample(Launched(reading), noise, condition, rows=count)


def _theirs(other: Peer, count: int, calls: int) -> Work:
    weight = next(other.network.parameters())
    noise = torch.randn(count, *other.shape, device=weight.device, dtype=weight.dtype)
    with torch.inference_mode():
        other.network(noise, other.scheduler.timesteps[0])
    return lambda: [other.drawn(noise) for _ in range(calls)]
