from __future__ import annotations

import multiprocessing
import sqlite3
import warnings
from pathlib import Path

import pytest

from genwright_molecules import scores
from genwright_molecules.scores import ScoreCache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "scores.sqlite"


def test_what_is_put_is_got_in_the_order_of_the_names(path: Path) -> None:
    ScoreCache(path).put({"C": (1.0, 2.0), "N": (3.0, 4.0)}, ("a", "b"))
    assert ScoreCache(path).get(["N", "C", "O"], ("b", "a")) == {"N": (4.0, 3.0), "C": (2.0, 1.0)}


def test_a_key_with_a_property_missing_is_not_found(path: Path) -> None:
    cache = ScoreCache(path)
    cache.put({"C": (1.0,)}, ("a",))
    assert cache.get(["C"], ("a", "b")) == {}


def test_more_keys_than_a_statement_takes_are_found(path: Path) -> None:
    cache = ScoreCache(path)
    values = {f"C{number}": (float(number),) for number in range(2_500)}
    cache.put(values, ("a",))
    assert cache.get(list(values), ("a",)) == values


def test_values_of_another_rdkit_are_not_found(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ScoreCache(path).put({"C": (1.0,)}, ("a",))
    monkeypatch.setattr("rdkit.rdBase.rdkitVersion", "1999.01.1")
    assert ScoreCache(path).get(["C"], ("a",)) == {}


def test_a_broken_file_is_dropped_with_a_warning_and_replaced(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is no database, and long enough to be looked at as one" * 40)
    cache = ScoreCache(path)
    with pytest.warns(RuntimeWarning, match=r"cache of scores was dropped: .*scores\.sqlite: file is not a database"):
        assert cache.get(["C"], ("a",)) == {}
    cache.put({"C": (1.0,)}, ("a",))
    assert cache.get(["C"], ("a",)) == {"C": (1.0,)}


def test_a_busy_file_is_passed_by_with_a_warning(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "_PATIENCE", 0.05)
    cache = ScoreCache(path)
    cache.put({"C": (1.0,)}, ("a",))
    other = sqlite3.connect(path)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.warns(RuntimeWarning, match="cache of scores is passed by: .*locked"):
        cache.put({"N": (2.0,)}, ("a",))
    other.close()
    assert cache.get(["C", "N"], ("a",)) == {"C": (1.0,)}


def test_a_folder_that_cannot_be_made_is_passed_by_with_a_warning(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(RuntimeWarning, match="cache of scores is passed by"):
        assert ScoreCache(tmp_path / "file" / "scores.sqlite").get(["C"], ("a",)) == {}


def test_several_processes_write_at_once_and_nothing_is_lost(path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(3) as pool:
        pool.map(_Writer(path), range(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(ScoreCache(path).get([f"C{number}" for number in range(60)], ("a",))) == 60


class _Writer:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, part: int) -> None:
        for number in range(part * 20, part * 20 + 20):
            ScoreCache(self.path).put({f"C{number}": (float(number),)}, ("a",))
