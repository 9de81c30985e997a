"""Where Genwright keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote, unquote

import platformdirs

from genwright.errors import UsageError

__all__ = ["cache_folder", "data_folder", "store_file", "store_url"]


def data_folder() -> Path:
    """Return the folder for models and the default store: $GENWRIGHT_HOME, else the user's; it may not exist yet."""
    return Path(os.environ.get("GENWRIGHT_HOME") or platformdirs.user_data_dir("genwright", appauthor=False))


def cache_folder() -> Path:
    """Return the folder for what can be made again: $GENWRIGHT_CACHE, else the user's; it may not exist yet."""
    return Path(os.environ.get("GENWRIGHT_CACHE") or platformdirs.user_cache_dir("genwright", appauthor=False))


def store_url() -> str:
    """Return the URL of the default store: $GENWRIGHT_STORE, or a file in the data folder."""
    return os.environ.get("GENWRIGHT_STORE") or f"sqlite:///{quote(str(data_folder() / 'store.sqlite'))}"


def store_file(url: str) -> tuple[Path, bool]:
    """Return the file that the URL of an SQLite store names, and whether it is only to be read.

    Raises UsageError for a URL that names no file, or asks for more.
    """
    place, _, query = url.partition("?")
    path = unquote(place.removeprefix("sqlite:///"))
    if path in ("", ":memory:", "sqlite:", "sqlite://"):
        raise UsageError(f"a store in SQLite is a file, sqlite:///path; got {url!r}. In memory it is memory:.")
    if not place.startswith("sqlite:///"):
        raise UsageError(f"a store in SQLite is sqlite:///path; got {url!r}. Write three slashes.")
    if query not in ("", "mode=ro"):
        raise UsageError(f"a store in SQLite is only read with ?mode=ro; got ?{query}. Write that, or nothing.")
    return Path(path).expanduser().absolute(), query == "mode=ro"
