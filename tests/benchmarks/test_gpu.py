"""What benchmarks/gpu.sh runs, told by an interpreter that runs nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu.sh"
INTERPRETER = """#!/usr/bin/env bash
[[ "$1" == -c ]] && exit "$HAS"
echo "$*" >> "$TOLD"
[[ "$*" == *pytest* ]] && exit "$TESTS"
exit 0
"""


def told(folder: Path, *arguments: str, tests: int = 0, has: int = 0) -> tuple[int, list[str]]:
    """Return what the script exits with, and what it has run."""
    interpreter, written = folder / "python", folder / "told"
    interpreter.write_text(INTERPRETER, encoding="utf-8")
    interpreter.chmod(0o755)
    given = os.environ | {"PYTHON": str(interpreter), "TOLD": str(written), "TESTS": str(tests), "HAS": str(has)}
    done = subprocess.run(["bash", SCRIPT, *arguments], env=given, capture_output=True, text=True)
    return done.returncode, written.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("has", [0, 1])
def test_tests_run_before_what_is_kept_is_measured(has: int, tmp_path: Path) -> None:
    status, (gpu, kernels, measured) = told(tmp_path, has=has)
    assert status == 0
    assert gpu.startswith("-m pytest -m gpu ")
    assert {"tests/core/test_cuda.py", "tests/core/kernels/attention/test_pytorch.py"} <= set(gpu.split())
    assert "tests/core/kernels/geglu/test_kernel.py" in kernels.split()
    assert "-k not hopper" in kernels
    assert (" -n " in kernels) == (has == 0)
    assert measured == "benchmarks/run.py kernels sampling --tested --tune --seconds 150"


def test_of_red_tests_nothing_is_kept_and_no_table_is_written(tmp_path: Path) -> None:
    status, (*_, measured) = told(tmp_path, tests=1)
    assert status == 1
    assert measured == "benchmarks/run.py kernels sampling --ungated --seconds 150"


def test_to_see_that_it_runs_no_table_is_written(tmp_path: Path) -> None:
    status, (*_, measured) = told(tmp_path, "--smoke")
    assert status == 0
    assert measured == "benchmarks/run.py kernels sampling --tested --seconds 150 --smoke"
