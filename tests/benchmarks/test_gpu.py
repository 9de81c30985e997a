"""What benchmarks/gpu.sh runs, told by an interpreter that runs nothing."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

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
    status, (*tests, measured) = told(tmp_path, has=has)
    assert status == 0
    (gpu,), (kernels,) = set(tests[: len(tests) // 2]), set(tests[len(tests) // 2 :])
    assert " -m gpu " in gpu
    assert {"tests/core/test_cuda.py", "tests/core/kernels/attention/test_pytorch.py"} <= set(gpu.split())
    assert "tests/core/kernels/geglu/test_kernel.py" in kernels.split()
    assert " -m not gpu -k not hopper " in kernels
    assert measured == "benchmarks/run.py kernels sampling --tested --tune --seconds 150"


def test_of_red_tests_nothing_is_kept_and_no_table_is_written(tmp_path: Path) -> None:
    status, (*_, measured) = told(tmp_path, tests=1)
    assert status == 1
    assert measured == "benchmarks/run.py kernels sampling --ungated --seconds 150"


def test_each_process_has_its_part_of_the_tests(tmp_path: Path) -> None:
    """All of them together have each test once."""
    (part,) = re.findall(r"<<'END'\n(import os\n.*?)END\n", SCRIPT.read_text(encoding="utf-8"), flags=re.DOTALL)
    plugin: dict[str, Any] = {}
    exec(part, plugin)
    found = []
    with pytest.MonkeyPatch.context() as patch:
        for place in range(3):
            patch.setenv("PART", f"{place}/3")
            plugin["pytest_collection_modifyitems"](items := list("abcdefgh"))
            found += items
    assert sorted(found) == list("abcdefgh")


def test_to_see_that_it_runs_no_table_is_written(tmp_path: Path) -> None:
    status, (*_, measured) = told(tmp_path, "--smoke")
    assert status == 0
    assert measured == "benchmarks/run.py kernels sampling --tested --seconds 150 --smoke"
