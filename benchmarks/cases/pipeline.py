"""Drawing images by DDIM, beside the pipeline of diffusers: the same samples, and how many a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from benchmarks.cases.peers import compared
from benchmarks.clock import Repeated, interleaved
from benchmarks.peers.diffusers_ddim import Peer, Wrapped, peer
from benchmarks.row import Row, Target, at_least, at_most
from benchmarks.setting import Setting
from genwright.backbones.unet import UNet
from genwright.families.preconditioning import Preconditioned, Preconditioning
from genwright.kernels.prepacked import prepacked
from genwright.readings import Condition, Denoiser
from genwright.samplers.denoise import DDIM
from genwright.seeds import Noise, seeded_torch
from genwright.space import ConditionSpace, Continuous

__all__ = ["TESTS", "farthest", "rows"]

TESTS = (
    "tests/core/backbones/test_unet.py",
    "tests/core/samplers/test_denoise.py",
    "tests/benchmarks/cases/test_pipeline.py",
)

_SECTION = "pipeline"
_PEER, _WHOLE = "DDIMPipeline", "the float32 DDIMPipeline"
_SPACE = Continuous(shape=(1, 28, 28), axes=("C", "Y", "X"))
_TARGETS = {torch.float32: at_least(1.0), torch.bfloat16: at_least(1.3)}
Work = Callable[[], object]


@final
@dataclass(frozen=True, kw_only=True)
class Size:
    """Channels of the levels of both networks, and residual blocks of each. Ours has no fewer weights."""

    theirs: tuple[int, ...]
    ours: int
    blocks: int
    rows: int
    steps: int


_FULL = Size(theirs=(64, 128, 128), ours=72, blocks=2, rows=16, steps=20)
_QUICK = Size(theirs=(16, 32, 32), ours=24, blocks=1, rows=4, steps=4)


def rows(setting: Setting) -> Iterator[Row]:
    """Yield how far samples of one network are from each other, then images a second of processor time."""
    size = _QUICK if setting.quick else _FULL
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield _same(size, setting)
        for dtype, target in _TARGETS.items():
            yield from _speeds(size, dtype, target, setting)
    finally:
        torch.set_num_threads(threads)


def farthest(other: Peer, count: int) -> float:
    """Return how far our samples of a peer's network are from its own, at most, in deviations of these."""
    noise = Noise(3, torch.arange(count)).normal("start", 0, _SPACE.size).view(-1, *_SPACE.shape)
    reading, sigmas = Wrapped(other), other.sigmas

    def denoise(x: Tensor, sigma: float) -> Tensor:
        return reading.denoise(x, torch.full((len(x),), sigma), Condition.none(len(x)))

    ours = DDIM().solve(denoise, noise * (1 + sigmas[0] ** 2) ** 0.5, sigmas, Noise(3, torch.arange(count)))
    theirs = other.drawn(noise)
    return float((ours - theirs).abs().max() / theirs.std())


def _same(size: Size, setting: Setting) -> Row:
    other, note = _peer(size, torch.float32)
    return Row(
        section=_SECTION,
        name=f"UNet2DModel by our DDIM and by DDIMScheduler, {size.steps} steps: largest difference of a pixel",
        value=None if other is None else farthest(other, setting.scaled(8, 2)),
        unit="deviations",
        target=at_most(1e-4),
        note=note or "One network with random weights, and the same noise.",
    )


def _speeds(size: Size, dtype: torch.dtype, target: Target, setting: Setting) -> Iterator[Row]:
    other, note = _peer(size, dtype)
    network = _network(size)
    weights = f"{_millions(network)} weights of ours"
    ours = _drawing(_reading(network, dtype), size)
    name = f"images of 28 x 28, {size.rows} rows, {size.steps} steps, {str(dtype).removeprefix('torch.')}"
    if other is None:
        rates = _rates({"ours": ours}, size, setting)
        yield from compared(name, rates, {_PEER: target}, note, section=_SECTION)
        return
    theirs = other.drawing(size.rows)
    work, targets = {"ours": ours, _PEER: theirs}, {_PEER: target}
    note = f"{weights}, {_millions(other.network)} of UNet2DModel's; neither with attention."
    if dtype == torch.bfloat16:
        # What users of either can have: precision="bfloat16" of generate, and the pipeline as it is.
        whole, _ = _peer(size, torch.float32)
        assert whole is not None, "it was there in bfloat16"
        work, targets = {**work, _WHOLE: whole.drawing(size.rows)}, {**targets, _WHOLE: target}
        note += f" The pipeline cannot end in bfloat16; of {_PEER} its steps alone are measured."
    yield from compared(name, _rates(work, size, setting), targets, note, section=_SECTION)
    rates = _rates({"ours": _drawing(Wrapped(other), size), _PEER: theirs}, size, setting)
    yield from compared(f"{name}, UNet2DModel by our DDIM", rates, {_PEER: None}, "", section=_SECTION)


def _peer(size: Size, dtype: torch.dtype) -> tuple[Peer | None, str]:
    try:
        return peer(shape=_SPACE.shape, channels=size.theirs, blocks=size.blocks, steps=size.steps, dtype=dtype), ""
    except ImportError as error:
        return None, f"diffusers is not installed ({error}): pip install -r benchmarks/requirements.txt."


def _network(size: Size) -> UNet:
    with seeded_torch(0):
        return UNet(
            space=_SPACE, conditions=ConditionSpace(), width=size.ours, multipliers=(1, 2, 2), blocks=size.blocks
        )


def _reading(network: UNet, dtype: torch.dtype) -> Denoiser:
    # As networks that are drawn from are.
    packed = prepacked(network.to(dtype).eval())
    preconditioning = Preconditioning(prediction="epsilon", sigma_data=1.0)
    return Preconditioned(_Cast(packed, dtype), preconditioning, _SPACE.shape)


class _Cast(nn.Module):
    """A network that is given samples in the precision of its weights."""

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network, self.dtype = network, dtype

    def forward(self, x: Tensor, level: Tensor, condition: Condition) -> Tensor:
        return self.network(x.to(self.dtype), level, condition)  # type: ignore[no-any-return]


def _drawing(reading: Denoiser, size: Size) -> Work:
    noise, sampler = Noise(0, torch.arange(size.rows)), DDIM(steps=size.steps)
    return lambda: sampler.sample(reading, noise, Condition.none(size.rows), rows=size.rows)


def _rates(work: Mapping[str, Work], size: Size, setting: Setting) -> dict[str, Repeated]:
    seconds = interleaved(work, repetitions=setting.scaled(7, 3))
    return {name: each.rate(size.rows) for name, each in seconds.items()}


def _millions(network: nn.Module) -> str:
    return f"{sum(parameter.numel() for parameter in network.parameters()) / 1e6:.2f} million"
