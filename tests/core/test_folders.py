from __future__ import annotations

from pathlib import Path

import pytest

from genwright.errors import UsageError
from genwright.folders import blobs_url, cache_folder, data_folder, read_only, store_file, store_url, without_password


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


@pytest.mark.parametrize("name", ["a#b", "a?b", "a%20b", "a b", "ä"])
def test_the_default_store_is_in_the_data_folder_whatever_its_name(
    user: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("GENWRIGHT_HOME", str(user / name))
    assert store_file(store_url()) == (user / name / "store.sqlite", False)


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:////tmp/a.db", ("/tmp/a.db", False)),
        ("sqlite:////tmp/a.db?mode=ro", ("/tmp/a.db", True)),
        ("sqlite:////tmp/a%20b#c.db", ("/tmp/a b#c.db", False)),
        ("sqlite:////tmp/a.db?blobs=s3://b&mode=ro", ("/tmp/a.db", True)),
    ],
)
def test_a_url_of_sqlite_names_a_file(url: str, file: tuple[str, bool]) -> None:
    assert store_file(url) == (Path(file[0]), file[1])


@pytest.mark.parametrize(
    ("url", "message"),
    [
        *(
            (url, r"a store in SQLite is a file, sqlite:///path; got .*In memory it is memory:")
            for url in ("sqlite:", "sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///?mode=ro")
        ),
        ("sqlite:store", r"is sqlite:///path; got 'sqlite:store'. Write three slashes."),
        ("sqlite://tmp/a.db", r"is sqlite:///path; got 'sqlite://tmp/a.db'. Write three slashes."),
        ("sqlite:///a.db?mode=foo", r"is only read with \?mode=ro, and .* \?blobs=URL; got \?mode=foo. Write these"),
        ("sqlite:///a.db?cache=shared", r"is only read with \?mode=ro, .*; got \?cache=shared."),
        ("sqlite:///a.db?x", r"is only read with \?mode=ro, .*; got \?x."),
    ],
)
def test_a_url_that_asks_for_something_else_is_refused(url: str, message: str) -> None:
    """The part after two slashes was once taken for a host, and the rest for the file."""
    with pytest.raises(UsageError, match=message):
        store_file(url)


def test_large_payloads_are_where_the_url_or_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENWRIGHT_BLOBS", raising=False)
    assert blobs_url("sqlite:///a.db") is None
    assert blobs_url("sqlite:///a.db?blobs=s3%3A%2F%2Fbucket%2Fa%20b&mode=ro") == "s3://bucket/a b"
    monkeypatch.setenv("GENWRIGHT_BLOBS", "s3://team")
    assert blobs_url("sqlite:///a.db") == "s3://team"
    assert blobs_url("sqlite:///a.db?blobs=/elsewhere") == "/elsewhere"


def test_a_store_is_only_read_by_its_url() -> None:
    assert read_only("sqlite:///a.db") == "sqlite:///a.db?mode=ro"
    assert read_only("sqlite:///a.db?blobs=x") == "sqlite:///a.db?blobs=x&mode=ro"
    assert read_only("sqlite:///a.db?mode=ro") == "sqlite:///a.db?mode=ro"
    assert read_only("memory:") == "memory:"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql+psycopg://me:s:e@c@host:5/db?password=x&sslmode=require", "//me@host:5/db?sslmode=require"),
        ("postgresql+psycopg://me@host/db", "//me@host/db"),
        ("sqlite:////a:b@c/x?mode=ro", "////a:b@c/x?mode=ro"),
    ],
)
def test_a_password_is_left_out_of_what_is_told(url: str, told: str) -> None:
    assert without_password(url) == url.partition(":")[0] + ":" + told
