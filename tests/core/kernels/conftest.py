"""A toy operation, which halves numbers, with implementations that each serve some calls."""

from __future__ import annotations

import json
import os
import sys
import types
from pathlib import Path

import pytest
import torch
from torch import Tensor

from genwright.kernels import Implementation, Operation, catalogue
from genwright.kernels.table import Table, table

# Before anything imports Triton: where there is no GPU its kernels are interpreted.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

Halve = Operation[[Tensor], Tensor]


def even(x: Tensor) -> str | None:
    return None if x.shape[-1] % 2 == 0 else f"it takes even widths, and this is {x.shape[-1]}"


def elsewhere() -> str:
    return "this machine has no abacus"


def wide(x: Tensor) -> str:
    return "wide" if x.shape[-1] > 4 else "narrow"


@pytest.fixture
def halve(monkeypatch: pytest.MonkeyPatch) -> Halve:
    """`pairs` takes even widths, `sums` has rows depend on each other, `abacus` runs on no machine; only `bad` errs."""
    module = types.ModuleType("toy_kernels")
    module.__dict__.update(pairs=lambda x: x * 0.5, sums=lambda x: x - x / 2, abacus=lambda x: x / 2)
    monkeypatch.setitem(sys.modules, "toy_kernels", module)
    monkeypatch.setitem(sys.modules, "toy_spec", spec := types.ModuleType("toy_spec"))
    operation = Operation(
        name="halve",
        reference=lambda x: x / 2,
        invariant=True,
        others=(
            Implementation(name="abacus", target="toy_kernels:abacus", invariant=True, platform=elsewhere),
            Implementation(name="pairs", target="toy_kernels:pairs", invariant=True, arguments=even),
            Implementation(name="sums", target="toy_kernels:sums", invariant=False),
        ),
        case=wide,
    )
    spec.__dict__["halve"] = operation
    monkeypatch.setitem(catalogue.OPERATIONS, "halve", "toy_spec:halve")
    return operation


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if `halve` had been measured on a CPU."""
    priorities = {"halve": {"wide": ["sums", "pairs"], "": ["abacus", "pairs", "reference"]}}
    written = {"measured": {"device": "a CPU"}, "priorities": priorities}
    (tmp_path / "cpu.json").write_text(json.dumps(written), encoding="utf-8")

    def read(name: str) -> Table:
        return table(name, tmp_path)

    monkeypatch.setattr("genwright.kernels.operation.table", read)
