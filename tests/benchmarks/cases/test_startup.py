from __future__ import annotations

from benchmarks.cases.startup import slowest_imports

TRACE = """import time: self [us] | cumulative | imported package
import time:       300 |        300 |   zipimport
import time:   200000 |     200000 |     torch._C
import time:   100000 |     500000 | torch
import time:    50000 |      50000 |   genwright.registry
import time:     1000 |      51000 | genwright.cli.generate
Warning: something else on stderr
"""


def test_imports_are_summed_by_package_and_ours_by_module() -> None:
    assert slowest_imports(TRACE, first=2) == "torch 0.30 s, genwright.registry 0.05 s"
