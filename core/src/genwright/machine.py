"""The machine that computes, as far as last bits of what it computes may depend on it."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch

from genwright.kernels.table import architecture, digest

__all__ = ["machine"]

# By these, users have libraries choose other kernels; they are no settings of PyTorch.
_VARIABLES = (
    *("ATEN_CPU_CAPABILITY", "DNNL_DEFAULT_FPMATH_MODE", "ONEDNN_DEFAULT_FPMATH_MODE", "ONEDNN_MAX_CPU_ISA"),
    *("MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "CUBLAS_WORKSPACE_CONFIG", "NVIDIA_TF32_OVERRIDE"),
)
_PROCESSORS, _DRIVER = Path("/proc/cpuinfo"), Path("/proc/driver/nvidia/version")


def machine(device: str) -> dict[str, Any]:
    """Return the fields of an `Environment` that tell the processor, what it computes with, and the GPU if it is one.

    device: such as "cpu" or "cuda:0"
    """
    facts = {"processor": _processor(), "simd": torch.backends.cpu.get_cpu_capability(), "kernels": _kernels(device)}
    return facts | (_gpu(device) if torch.device(device).type == "cuda" else {})


@cache
def _processor() -> str:
    """Return the model of the CPU, or its architecture where nothing tells that."""
    return _line(_PROCESSORS, r"^model name\s*:\s*(.+)$") or platform.processor() or platform.machine() or "unknown"


def _kernels(device: str) -> Mapping[str, str]:
    settings: dict[str, Any] = {
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "matmul": torch.get_float32_matmul_precision(),
        "mkl": torch.backends.mkl.is_available(),  # type: ignore[no-untyped-call]
        "mkldnn": torch.backends.mkldnn.is_available() and torch.backends.mkldnn.enabled,  # type: ignore[no-untyped-call]
    }
    if torch.device(device).type == "cuda":
        settings |= {
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.enabled and torch.backends.cudnn.version(),  # type: ignore[no-untyped-call]
            "cudnn benchmark": torch.backends.cudnn.benchmark,
            "cudnn tf32": torch.backends.cudnn.allow_tf32,
        }
    if measured := digest(architecture(torch.device(device))):
        settings["tuned"] = measured[:12]
    found = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    return {name: _spoken(value) for name, value in settings.items()} | found


def _spoken(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _gpu(device: str) -> dict[str, str]:
    major, minor = torch.cuda.get_device_capability(device)
    name = f"{torch.cuda.get_device_name(device)}, compute capability {major}.{minor}"
    return {"gpu": name, "driver": _line(_DRIVER, r"Kernel Module.*?\s(\d+[\d.]+)\s")}


def _line(path: Path, pattern: str) -> str:
    """Return what a file of the kernel says of itself in the first line that matches; "" where there is none."""
    try:
        found = re.search(pattern, path.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""
