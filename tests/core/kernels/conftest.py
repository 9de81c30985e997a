"""A toy operation, which halves numbers, with implementations that each serve some calls; and outputs full of NaN."""

from __future__ import annotations

import json
import math
import sys
import types
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genwright.kernels import Implementation, Operation, catalogue
from genwright.kernels.table import Table, table

# As many numbers around an output are watched: 512 bytes of float32, so that it stays aligned.
GUARD = 128

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


def poison(dtype: torch.dtype | None) -> float:
    return torch.nan if dtype is None or dtype.is_floating_point else torch.iinfo(dtype).min


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fill what `torch.empty` and `torch.empty_like` give with NaN, or least integers; none around is written to."""
    given: list[Tensor] = []
    full, like = torch.full, torch.empty_like

    def empty(*size: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Tensor:
        count = math.prod(size)
        given.append(whole := full((count + 2 * GUARD,), poison(dtype), dtype=dtype, device=device))
        return whole[GUARD : GUARD + count].view(size)

    def empty_like(x: Tensor, *, dtype: torch.dtype | None = None) -> Tensor:
        strides = like(x).stride()
        return empty(x.numel(), dtype=dtype or x.dtype, device=x.device).as_strided(x.shape, strides, GUARD)

    monkeypatch.setattr(torch, "empty", empty)
    monkeypatch.setattr(torch, "empty_like", empty_like)
    yield
    assert given
    for whole in given:
        around = torch.cat((whole[:GUARD], whole[len(whole) - GUARD :]))
        expected = full(around.shape, poison(whole.dtype), dtype=whole.dtype, device=whole.device)
        torch.testing.assert_close(around, expected, equal_nan=True)


@pytest.fixture(autouse=True)
def interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let loops of kernels run to numbers that are known when they run, in Triton 3.6's interpreter.

    It keeps them as arrays of one element, and int() of those raises TypeError since NumPy 2.4.
    """
    if find_spec("triton") is None:
        return
    from triton.runtime import interpreter as module

    patch = module._patch_lang_tensor

    def patched(tensor: Any, scope: Any) -> None:
        patch(tensor, scope)
        scope.set_attr(tensor, "__index__", lambda self: int(self.handle.data.item()))

    monkeypatch.setattr(module, "_patch_lang_tensor", patched)
