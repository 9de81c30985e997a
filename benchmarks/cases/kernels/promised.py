"""What is promised of kernels: shares of what the machine reaches, and times as fast as the best of PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from benchmarks.cases.kernels.machine import usual_device
from benchmarks.cases.kernels.operations import cases, spec
from benchmarks.cases.kernels.served import served
from benchmarks.clock import Repeated
from benchmarks.roofline import measured
from benchmarks.row import Row, Target, at_least
from benchmarks.setting import Setting
from benchmarks.stopwatch import timed
from genwright.generation import threads
from genwright.kernels.attention.pytorch import flash
from genwright.kernels.catalogue import use
from genwright.kernels.operation import Operation
from genwright.kernels.philox_normal.spec import philox_normal
from genwright.kernels.policy import REFERENCE
from genwright.kernels.spec import Call

__all__ = ["TESTS", "promises", "rows"]

TESTS = ("tests/core/kernels", "tests/benchmarks/cases/kernels")

_SECTION = "promised"
_HALF = torch.bfloat16
_NORMALS, _AT_ONCE = 100_000_000, 10_000_000
_GPU = torch.device("cuda")


@final
@dataclass(frozen=True, kw_only=True)
class Promise:
    """What is promised, and what measures it.

    gpu: whether it is promised of a GPU, else of a processor
    """

    name: str
    target: Target
    find: Callable[[], Repeated]
    unit: str = ""
    gpu: bool = True


def rows(setting: Setting) -> Iterator[Row]:
    """Yield what was promised of this machine; of a GPU, if there is none, that it was not measured."""
    device = usual_device()
    with threads(1):
        for promise in promises(small=setting.smoke):
            yield _row(promise, setting, device)


def _row(promise: Promise, setting: Setting, device: torch.device) -> Row:
    empty = partial(Row, section=_SECTION, name=promise.name, value=None, unit=promise.unit, target=promise.target)
    if promise.gpu and device.type != "cuda":
        return empty(note="torch finds no GPU on this machine.")
    if not promise.gpu and device.type == "cuda":
        return empty(target=None, note="It is promised of a machine without a GPU.")
    if setting.is_late:
        return empty(note="The time allowed had passed.")
    try:
        found = promise.find()
    except Exception as error:
        return empty(note=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
    target = None if setting.smoke else promise.target
    return Row(
        section=_SECTION, name=promise.name, value=found.median, unit=promise.unit, spread=found.spread, target=target
    )


def promises(*, small: bool = False) -> Iterator[Promise]:
    """Yield all that is promised of kernels by themselves."""
    yield Promise(
        name="decode_attention, float32, 134 MB of cache: share of the bytes that one core reads",
        target=at_least(0.6),
        find=partial(_decoded, small),
        gpu=False,
    )
    yield from _attention()
    yield from _backward()
    yield from _moved()
    step = "guided euler of [64, 3, 256, 256]"
    yield Promise(
        name=f"sampler_step, {step}: beside diffusers' step",
        target=at_least(10),
        unit="times",
        find=partial(_times, "sampler_step", torch.float32, step, ("diffusers' step",)),
    )
    yield Promise(
        name=f"philox_normal: share of {_NORMALS:,} values with the bits of a processor's",
        target=at_least(1),
        find=_equal_normals,
    )


def _attention() -> Iterator[Promise]:
    """Yield what is promised of attention forward."""
    for width, least in ((64, {"flash": 1.15, "cudnn": 0.95}), (128, {"flash": 1.1, "cudnn": 0.75})):
        for kind in ("dense", "causal"):
            for length in ("2,048", "4,096"):
                for other, share in least.items():
                    yield _faster(f"{kind}, heads of {width}, {length} positions", (other,), share)
    every = ("sdpa", "flash", "cudnn", "efficient")
    for name in (*(f"{kind}, heads of {width}, 256 positions" for width in (64, 128) for kind in ("dense", "causal")),):
        yield _faster(name, every, 1.0)
    yield _faster("a bias, heads of 64, 1,024 positions", every, 1.0)


def _faster(call: str, others: tuple[str, ...], least: float) -> Promise:
    beside = others[0] if len(others) == 1 else "the fastest of PyTorch"
    return Promise(
        name=f"attention, bfloat16, {call}: Triton beside {beside}",
        target=at_least(least),
        unit="times",
        find=partial(_times, "attention", _HALF, call, others),
    )


def _backward() -> Iterator[Promise]:
    for width, least in ((64, 0.95), (128, 0.8)):
        for kind in ("dense", "causal"):
            call = f"{kind}, heads of {width}, 2,048 positions"
            yield Promise(
                name=f"attention backward, bfloat16, {call}: Triton beside flash",
                target=at_least(least),
                unit="times",
                find=partial(_times_backward, call),
            )


def _moved() -> Iterator[Promise]:
    """Yield what is promised of operations that do little else than to read and write."""
    for name, dtype, call, least in (
        ("decode_attention", _HALF, "64 rows, 16 heads of 64, 1,024 keys", 0.8),
        ("sampler_step", torch.float32, "guided euler of [64, 3, 256, 256]", 0.8),
        ("group_norm_silu", _HALF, "modulated, [1, 128, 1024, 1024]", 0.85),
        ("adaptive_norm", _HALF, "all of [16, 1024, 1024]", 0.85),
        ("adaptive_norm", _HALF, "all of [1, 4216, 4096]", 0.85),
    ):
        yield Promise(
            name=f"{name}, {str(dtype).removeprefix('torch.')}, {call}: Triton's share of the roofline",
            target=at_least(least),
            find=partial(_share, name, dtype, call),
        )


def _found(name: str, dtype: torch.dtype, call: str) -> tuple[Operation[..., Any], Call]:
    """Return an operation and its usual call of a name."""
    known = spec(name)
    return known.operation, next(found for found in known.usual(dtype, _GPU) if found.name == call)


def _times(name: str, dtype: torch.dtype, call: str, others: tuple[str, ...]) -> Repeated:
    """Return how many times as fast Triton's implementation is as the fastest of others."""
    operation, given = _found(name, dtype, call)
    found = served(operation, given, _GPU)
    beside = {**found.ours, **found.operators}
    best = min((beside[other] for other in others if other in beside), key=lambda each: each.median)
    return best.over(found.ours["triton"])


def _times_backward(call: str) -> Repeated:
    """Return how many times as fast Triton's gradients of attention are as flash's."""
    operation, given = _found("attention", _HALF, call)
    work: dict[str, Callable[[], object]] = {}
    for name in ("triton", "flash"):
        leaves = [x.clone().requires_grad_() for x in given.args]
        with use(attention=name):
            out: Tensor = operation(*leaves, **given.keywords) if name == "triton" else flash(*leaves, **given.keywords)
        work[name] = partial(torch.autograd.grad, out, leaves, torch.ones_like(out), retain_graph=True)
        work[name]()
    found = timed(work, _GPU)
    return found["flash"].over(found["triton"])


def _share(name: str, dtype: torch.dtype, call: str) -> Repeated:
    """Return the share of the roofline that Triton's implementation reaches."""
    operation, given = _found(name, dtype, call)
    with use(None, invariant=None, **{name: "triton"}):
        work = partial(operation.chosen(*given.args, **given.keywords), *given.args, **given.keywords)
        work()
    known = spec(name)
    traffic, done = (amount(*given.args, **given.keywords) for amount in (known.traffic, known.work))
    least = measured(torch.device("cuda", torch.cuda.current_device())).seconds(traffic=traffic, work=done, dtype=dtype)
    return timed({name: work}, _GPU)[name].rate(least)


def _decoded(small: bool) -> Repeated:
    """Return the share of the bytes read a second that attention of one query a row reads of a full cache."""
    known, device = spec("decode_attention"), torch.device("cpu")
    calls = {case.call.name: case.call for case in cases(known, device, few=small) if case.dtype == torch.float32}
    call = calls[next(iter(calls)) if small else "64 rows, 16 heads of 64, 256 keys"]
    work = partial(known.operation.chosen(*call.args), *call.args)
    work()
    seconds = timed({"": work}, device, seconds=0.01 if small else 1.0)[""]
    most = known.traffic(*call.args) / measured(device, small=small).read.median
    return seconds.rate(most)


def _equal_normals() -> Repeated:
    """Return the share of normals drawn on the GPU that have the bits of the reference's on a processor."""
    equal, samples = 0, torch.arange(_NORMALS // _AT_ONCE)
    for sample in samples.view(-1, 1).unbind():
        with use(philox_normal="triton"):
            there = philox_normal(7, "step", sample.to(_GPU), 3, _AT_ONCE)
        with use(philox_normal=REFERENCE):
            here = philox_normal(7, "step", sample, 3, _AT_ONCE)
        equal += int((there.cpu().view(torch.int32) == here.view(torch.int32)).sum())
    return Repeated((equal / _NORMALS,))
