"""Programs of attention, compiled for a Hopper GPU without one."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("triton", reason="its kernels need Triton")
from tests.core.kernels.attention.launches import launch
from tests.core.kernels.hopper import SHARED_LIMIT, every

KEYS = "backward_keys"
QUERIES = "backward_queries"
ALL = {"CAUSAL": True, "WINDOWED": True, "BIASED": True, "PACKED": True, "GROUP": 4, "LEARNED": True}
HOPPER: list[tuple[str, dict[str, Any]]] = [
    ("forward_pass", {"H": 128, "WHOLE": True}),
    ("forward_pass", {"H": 64}),
    ("forward_pass", {"H": 128, "CAUSAL": True}),
    ("forward_pass", {"H": 40, "CAUSAL": True, "WINDOWED": True, "PACKED": True, "GROUP": 4}),
    ("forward_pass", {"H": 64, **ALL}),
    ("forward_pass", {"H": 64, "BIASED": True}),
    (QUERIES, {"H": 64, **ALL}),
    (QUERIES, {"H": 128}),
    (QUERIES, {"H": 64, "WHOLE": True}),
    (KEYS, {"H": 64, **ALL}),
    (KEYS, {"H": 128, "CAUSAL": True}),
]


def test_on_hopper_they_use_its_tensor_cores_spill_nothing_and_fit() -> None:
    compiled = every([launch(name, wanted) for name, wanted in HOPPER])
    for (name, wanted), found in zip(HOPPER, compiled, strict=True):
        told = (name, wanted, found[:3])
        assert found.stack == 0, told
        assert found.count("wgmma.mma_async") > 0, told
        assert found.shared <= SHARED_LIMIT, told
        # The flag alone says nothing: Triton leaves specialisation out silently where it cannot do it.
        is_specialised = name == "forward_pass" and wanted["H"] > 64 and not wanted.get("BIASED")
        assert ("setmaxnreg" in found.ptx) == is_specialised, told
        # Where a packed sequence ends, another begins.
        assert (found.count("cp.async.bulk.tensor") > 0) == (not wanted.get("PACKED")), told
