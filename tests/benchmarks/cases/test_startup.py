from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.cases import startup
from benchmarks.cases.startup import slowest_imports
from benchmarks.setting import Setting

Fake = Callable[..., None]

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


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """What has every command do as the test says: its exit code, lines, and seconds on the clock."""

    def use(code: int, lines: int, seconds: float) -> None:
        now = [0.0]

        def run(
            arguments: Sequence[str], store: Path, *, options: Sequence[str] = ()
        ) -> subprocess.CompletedProcess[str]:
            now[0] += seconds
            return subprocess.CompletedProcess([], code, "x\n" * lines, TRACE if options else "it broke")

        monkeypatch.setattr(startup, "_run", run)
        monkeypatch.setattr(startup.time, "perf_counter", lambda: now[0])

    return use


def test_each_command_has_a_row_and_its_target(fake: Fake, setting: Setting) -> None:
    fake(0, 10, 0.25)
    rows = list(startup.rows(setting))
    assert [row.name for row in rows] == [
        "`genwright --help`",
        "`genwright plugins list`",
        "`genwright generate molecules -n 10`",
    ]
    assert [(row.value, row.verdict) for row in rows] == [(pytest.approx(0.25), "pass")] * 3


def test_a_slow_command_names_what_it_imported(fake: Fake, setting: Setting) -> None:
    fake(0, 10, 1.0)
    first, *_ = startup.rows(setting)
    assert first.verdict == "FAIL"
    assert "Slowest imports: torch 0.30 s, genwright.registry 0.05 s, genwright.cli 0.00 s, zip" in first.note


@pytest.mark.parametrize(("code", "lines"), [(1, 10), (0, 9)])
def test_a_command_that_fails_or_prints_too_little_has_no_time(
    code: int, lines: int, fake: Fake, setting: Setting
) -> None:
    fake(code, lines, 0.1)
    *_, row = startup.rows(setting)
    assert row.value != row.value
    assert (row.verdict, row.note) == ("FAIL", f"exit code {code}, {lines} lines: it broke")


def test_a_command_is_a_process_of_its_own_with_a_store_of_its_own(setting: Setting) -> None:
    done = startup._run(("store", "path"), setting.scratch / "a.sqlite")
    assert (done.returncode, done.stdout.strip()) == (0, str(setting.scratch / "a.sqlite"))
