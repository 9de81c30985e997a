"""What was compiled is kept, and not taken for what it would be after an edit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba", reason="its loops need numba")
from genwright.kernels.lanes import loop

LOOP = """
from genwright.kernels import lanes

@lanes.compiled
def add(x):
    return x + 1
"""


@pytest.mark.parametrize(("edited", "found"), [("", 1), ("loop._SOURCE = 'edited'", 0)])
def test_what_was_compiled_is_found_again_unless_lanes_are_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edited: str, found: int
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "kept"))
    (tmp_path / "held.py").write_text(LOOP, encoding="utf-8")
    asked = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from genwright.kernels.lanes import loop"
    for change, hits in (("", 0), (edited, found)):
        said = f"{asked}\n{change}\nfrom held import add\nadd(1)\nprint(sum(add.stats.cache_hits.values()))"
        out = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
        assert int(out.stdout) == hits


def test_without_a_place_for_files_loops_are_compiled_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def placeless(function: Any) -> Any:
        raise RuntimeError("no locator available")

    monkeypatch.setattr(loop, "_Cache", placeless)
    assert loop.compiled(lambda x: x + np.float32(1))(np.float32(2)) == 3
