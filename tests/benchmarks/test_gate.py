from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.gate import Red, check_green


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    slow:\n    gpu:\n", encoding="utf-8")
    (tmp_path / "test_green.py").write_text("def test_it(): pass\n", encoding="utf-8")
    (tmp_path / "test_red.py").write_text("def test_it(): assert 1 == 2\n", encoding="utf-8")
    return tmp_path


def test_green_tests_let_the_benchmark_through(root: Path) -> None:
    check_green(["test_green.py"], root=root)


def test_a_red_test_stops_it_and_is_shown(root: Path) -> None:
    with pytest.raises(
        Red, match=r"(?s)measures only what passes its tests; these fail. Mend them first.*assert 1 == 2"
    ):
        check_green(["test_green.py", "test_red.py"], root=root)


def test_missing_tests_stop_it_too(root: Path) -> None:
    with pytest.raises(Red, match=r"needs green tests in test_green.py, test_gone.py; there is no test_gone.py"):
        check_green(["test_green.py", "test_gone.py"], root=root)
