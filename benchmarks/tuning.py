"""Tables of which implementation is fastest, made of what was measured."""

from __future__ import annotations

import datetime
import json
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, final

import torch

from genwright.kernels.policy import REFERENCE
from genwright.kernels.table import TUNED, Table, architecture, digest, table

__all__ = ["Timed", "order", "write"]

_LEAST = 0.03
"""By what share of its time what serves usually must be beaten, to stand behind something else."""

_PACKAGES = "torch", "triton", "numba"


@final
@dataclass(frozen=True, kw_only=True)
class Timed:
    """The seconds that the implementations of an operation took for a call.

    case:  under which tables list such calls
    usual: what serves where nothing was measured, the first of it first
    """

    operation: str
    case: str
    usual: Sequence[str]
    seconds: Mapping[str, float]


def order(calls: Sequence[Timed]) -> list[str]:
    """Return implementations, the fastest first, by the geometric mean of their times over calls of one operation.

    Times are shares of that of what serves usually, which stands first unless something takes 3 % less. What was
    not measured is left out.
    """
    shares: dict[str, list[float]] = {}
    firsts: dict[str, None] = {}
    for call in calls:
        usual = next((name for name in (*call.usual, REFERENCE) if name in call.seconds), None)
        if usual is None:
            continue
        firsts[usual] = None
        for name, seconds in call.seconds.items():
            shares.setdefault(name, []).append(math.log(seconds / call.seconds[usual]))
    means = {name: statistics.fmean(found) for name, found in shares.items()}
    ordered = sorted(means, key=lambda name: means[name])
    if ordered and means[ordered[0]] > math.log(1 - _LEAST):
        ordered = [*(name for name in firsts if len(firsts) == 1), *ordered]
    return list(dict.fromkeys(ordered))


def write(calls: Iterable[Timed], device: torch.device, *, folder: Path = TUNED) -> Path:
    """Write the table of a device's architecture, of which what was not measured now stays; return where it is."""
    name = architecture(device)
    path = folder / f"{name}.json"
    made = {"measured": _measured(device), "priorities": _priorities(list(calls), table(name, folder))}
    path.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    table.cache_clear()
    digest.cache_clear()
    return path


def _priorities(calls: Sequence[Timed], before: Table) -> dict[str, dict[str, list[str]]]:
    found = {
        operation: {case: [*names] for case, names in cases.items()} for operation, cases in before.priorities.items()
    }
    for operation in sorted({call.operation for call in calls}):
        own = [call for call in calls if call.operation == operation]
        # The case "" is of all calls: it stands for those that have no case of their own.
        cases = {"": own}
        for call in own:
            if call.case:
                cases.setdefault(call.case, []).append(call)
        for case, some in sorted(cases.items()):
            known = before.priorities.get(operation, {}).get(case, ())
            found.setdefault(operation, {})[case] = list(dict.fromkeys((*order(some), *known)))
    return found


def _measured(device: torch.device) -> dict[str, Any]:
    versions = {package: found for package in _PACKAGES if (found := _version(package))}
    return {"device": _told(device), **versions, "date": datetime.date.today().isoformat()}


def _told(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.backends.cpu.get_cpu_capability()}, threads: {torch.get_num_threads()}"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
