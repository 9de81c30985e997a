from __future__ import annotations

from pathlib import Path

import pytest

from genwright_molecules.folders import cache_folder


def test_the_variable_decides_where_caches_are(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path / "molecules"


def test_an_empty_variable_means_the_cache_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_CACHE", "")
    assert cache_folder().is_absolute()
    assert cache_folder().parent.name == "genwright"
