from __future__ import annotations

from pathlib import Path

import pytest

from genwright.folders import cache_folder, data_folder, store_url


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("GENWRIGHT_HOME", "GENWRIGHT_CACHE", "GENWRIGHT_STORE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_folders_are_the_users_own() -> None:
    assert data_folder().name == cache_folder().name == "genwright"
    assert data_folder() != cache_folder()


def test_folders_can_be_named(user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_HOME", str(user / "home"))
    monkeypatch.setenv("GENWRIGHT_CACHE", str(user / "cache"))
    assert (data_folder(), cache_folder()) == (user / "home", user / "cache")
    assert list(user.iterdir()) == []


def test_the_default_store_is_in_the_data_folder_unless_it_is_named(
    user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENWRIGHT_HOME", str(user))
    assert store_url() == f"sqlite:///{user}/store.sqlite"
    monkeypatch.setenv("GENWRIGHT_STORE", "memory:")
    assert store_url() == "memory:"
