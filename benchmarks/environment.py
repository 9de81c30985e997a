"""The machine and the versions that a result was measured with."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path

__all__ = ["command", "environment"]

_PACKAGES = (
    "genwright-core",
    "genwright-storage",
    "genwright-molecules",
    "genwright-images",
    "genwright-audio",
    "torch",
    "triton",
    "numba",
    "numpy",
    "rdkit",
    "fcd-torch",
    "torchaudio",
    "soundfile",
    "soxr",
    "pesq",
    "pystoi",
    "SQLAlchemy",
    "psycopg",
    "transformers",
    "diffusers",
)


def environment() -> Mapping[str, str]:
    """Return processor, cores, load, threads and versions, by name."""
    import torch

    return {
        "processor": _processor(),
        **({"GPU": torch.cuda.get_device_name()} if torch.cuda.is_available() else {}),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f} when the run began",
        "threads": str(torch.get_num_threads()),
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        **{package: _version(package) for package in _PACKAGES},
    }


def command() -> str:
    """Return how this process was called, from the root of the repository."""
    script = Path(sys.argv[0])
    return " ".join(["python", f"{script.parent.name}/{script.name}", *sys.argv[1:]])


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines) if value}
    return f"{found.get('model name', 'unknown')} (family {found.get('cpu family')}, model {found.get('model')})"


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
