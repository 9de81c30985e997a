from __future__ import annotations

import sys

import pytest

from genwright.errors import OptionError
from genwright_molecules.merges import merged


def test_what_comes_together_most_often_is_merged_first() -> None:
    texts = [["C", "Cl"]] * 60 + [["N", "O"]] * 55 + [["S", "F"]] * 10
    assert merged(texts, 1) == {"CCl"}
    assert merged(texts, 2) == {"CCl", "NO"}


def test_runs_that_come_fewer_than_fifty_times_are_not_merged() -> None:
    assert merged([["S", "F"]] * 49, 5) == set()


def test_runs_of_runs_are_merged() -> None:
    assert merged([["c", "1", "c", "c"]] * 80, 10) >= {"c1cc"}


def test_without_tokenizers_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(OptionError, match=r"pip install 'genwright-molecules\[train\]', or train with merges=0"):
        merged([["C", "C"]], 1)
