"""What the machine itself reaches, by which kernels are judged."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.clock import Repeated
from benchmarks.roofline import measured
from benchmarks.row import Row
from benchmarks.setting import Setting
from genwright.generation import threads
from genwright.kernels.catalogue import operation, operations

__all__ = ["TESTS", "rows", "usual_device"]

TESTS = ("tests/benchmarks/test_roofline.py", "tests/benchmarks/test_stopwatch.py")

_SECTION = "machine"


def usual_device() -> torch.device:
    """Return the GPU if there is one, else the processor."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def rows(setting: Setting) -> Iterator[Row]:
    """Yield bytes and operations a second, and which implementations the machine cannot run."""
    device = usual_device()
    with threads(1):
        found = measured(device, small=setting.smoke)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else "one thread"
    yield _row(f"{where}: read from memory", found.read, "GB/s")
    yield _row(f"{where}: copied in memory, read and written", found.copied, "GB/s")
    for dtype, rate in found.products.items():
        yield _row(f"{where}: products of matrices, {str(dtype).removeprefix('torch.')}", rate, "GFLOP/s")
    for reason, names in _missing().items():
        yield Row(section=_SECTION, name=f"not here: {', '.join(names)}", value=None, note=f"{reason}.")


def _row(name: str, rate: Repeated, unit: str) -> Row:
    low, high = (each / 1e9 for each in rate.spread)
    return Row(section=_SECTION, name=name, value=rate.median / 1e9, unit=unit, spread=(low, high))


def _missing() -> dict[str, list[str]]:
    """Return the implementations that cannot run here, by the reason."""
    found: dict[str, dict[str, None]] = {}
    for name in operations():
        for other in operation(name).others:
            if other.missing:
                found.setdefault(other.missing, {})[other.name] = None
    return {reason: list(names) for reason, names in found.items()}
