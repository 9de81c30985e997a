"""How long each operation takes for calls of the usual sizes, beside what PyTorch has and what the machine allows."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch

from benchmarks.cases.kernels.machine import usual_device
from benchmarks.cases.kernels.served import Served, served
from benchmarks.clock import Repeated
from benchmarks.roofline import Roofline, measured
from benchmarks.row import Row
from benchmarks.setting import Setting
from benchmarks.tuning import Timed, write
from genwright.generation import threads
from genwright.kernels.catalogue import OPERATIONS, operations
from genwright.kernels.spec import Call, Spec

__all__ = ["TESTS", "Case", "cases", "row", "rows", "spec"]

TESTS = ("tests/core/kernels", "tests/benchmarks/cases/kernels")

_SECTION = "operations"
_DTYPES = torch.float32, torch.bfloat16


@final
@dataclass(frozen=True, kw_only=True)
class Case:
    """A call of an operation with arguments of a dtype."""

    spec: Spec[..., Any]
    dtype: torch.dtype
    call: Call

    @property
    def name(self) -> str:
        """What it is called in tables: "geglu, float32: silu of [256, 2048]"."""
        return f"{self.spec.operation.name}, {str(self.dtype).removeprefix('torch.')}: {self.call.name}"


def rows(setting: Setting) -> Iterator[Row]:
    """Yield a row for each usual call; if tables are to be written, write that of this machine."""
    device, timings, late = usual_device(), [], 0
    with threads(1):
        for name in operations():
            for case in cases(spec(name), device, few=setting.smoke):
                if setting.is_late:
                    late += 1
                    continue
                found = served(
                    case.spec.operation, case.call, device, seconds=setting.within(_seconds(setting, device))
                )
                timings.append(_timed(case, found))
                yield row(case, found, measured(device, small=setting.smoke))
        if late:
            note = f"The time allowed had passed before {late} further calls."
            yield Row(section=_SECTION, name="further calls", value=None, note=note)
        if setting.tunes:
            path = write(timings, device)
            yield Row(section=_SECTION, name="calls in the table", value=len(timings), note=f"Written to {path.name}.")


def spec(name: str) -> Spec[..., Any]:
    """Return the specification of an operation."""
    found: Spec[..., Any] = importlib.import_module(OPERATIONS[name].partition(":")[0]).SPEC
    return found


def cases(spec: Spec[..., Any], device: torch.device, *, few: bool = False) -> Iterator[Case]:
    """Yield the usual calls in each dtype that the operation takes; the first only if a few are enough."""
    for dtype in _DTYPES:
        if dtype in spec.tolerances:
            for call in spec.usual(dtype, device):
                yield Case(spec=spec, dtype=dtype, call=call)
                if few:
                    return


def row(case: Case, found: Served, roofline: Roofline, *, section: str = _SECTION) -> Row:
    """Return the row of a call: microseconds of what serves it, beside those of the others."""
    every = {**found.operators, **found.ours}
    if found.chosen not in every:
        note = " ".join(_reasons(found)) or "No implementation serves."
        return Row(section=section, name=case.name, value=None, note=note)
    seconds = every.pop(found.chosen)
    low, high = seconds.spread
    return Row(
        section=section,
        name=case.name,
        value=1e6 * seconds.median,
        unit="µs",
        spread=(1e6 * low, 1e6 * high),
        peers={name: 1e6 * each.median for name, each in every.items()},
        note=" ".join(_said(case, found, seconds, roofline)),
    )


def _said(case: Case, found: Served, seconds: Repeated, roofline: Roofline) -> Iterator[str]:
    yield f"By {found.chosen}."
    if found.best is not None and found.best[0] != found.chosen:
        name, best = found.best
        yield f"{best.median / seconds.median:.3g} times as fast as {name}."
    yield _reached(case, seconds, roofline)
    yield from _reasons(found)


def _reached(case: Case, seconds: Repeated, roofline: Roofline) -> str:
    args, keywords = case.call.args, case.call.keywords
    traffic, work = case.spec.traffic(*args, **keywords), case.spec.work(*args, **keywords)
    least = roofline.seconds(traffic=traffic, work=work, dtype=case.dtype)
    rates = f"{traffic / seconds.median / 1e9:.3g} GB/s, {work / seconds.median / 1e9:.3g} GFLOP/s"
    return f"{rates}: {least / seconds.median:.0%} of the roofline."


def _reasons(found: Served) -> Sequence[str]:
    return [f"Not {name}: {reason}." for name, reason in found.reasons.items()]


def _timed(case: Case, found: Served) -> Timed:
    operation, call = case.spec.operation, case.call
    return Timed(
        operation=operation.name,
        case=operation.case(*call.args, **call.keywords) if operation.case else "",
        usual=operation.usual,
        seconds={name: each.median for name, each in found.ours.items()},
    )


def _seconds(setting: Setting, device: torch.device) -> float:
    # The clock of a GPU is not disturbed by what else a processor does.
    return 0.002 if setting.smoke else 0.04 if setting.quick or device.type == "cuda" else 0.2
