from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genwright_molecules import parallel
from genwright_molecules.parallel import mapped

SCRIPT = """
import os
from genwright_molecules.parallel import mapped
print("script runs")
print(len(mapped(abs, list(range(-2_500, 0)), workers=2)))
"""


def test_results_come_in_the_order_of_the_items() -> None:
    items = list(range(-2_500, 0))
    assert mapped(abs, items, workers=2) == [abs(item) for item in items]


def test_few_items_stay_in_this_process() -> None:
    assert mapped(_process, [0] * 50, workers=8) == [os.getpid()] * 50


def test_one_worker_is_this_process() -> None:
    assert set(mapped(_process, [0] * 3_000, workers=1)) == {os.getpid()}


def test_an_error_in_a_worker_reaches_the_caller() -> None:
    with pytest.raises(ZeroDivisionError):
        mapped((1).__floordiv__, [0] * 2_500, workers=2)


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    """A spawned worker would otherwise run the script that started it, which would start workers, and so on."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    source = Path(parallel.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(source), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["script runs", "2500", ""]


def _process(_: int) -> int:
    return os.getpid()
