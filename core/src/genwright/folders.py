"""Where Genwright keeps what it makes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote

import platformdirs

from genwright.errors import UsageError

__all__ = ["blobs_url", "cache_folder", "data_folder", "read_only", "store_file", "store_url", "without_password"]


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

    Raises UsageError for a URL that names no file, or asks for more than "mode=ro" and "blobs=".
    """
    place, _, query = url.partition("?")
    path = unquote(place.removeprefix("sqlite:///"))
    if path in ("", ":memory:", "sqlite:", "sqlite://"):
        raise UsageError(f"a store in SQLite is a file, sqlite:///path; got {url!r}. In memory it is memory:.")
    if not place.startswith("sqlite:///"):
        raise UsageError(f"a store in SQLite is sqlite:///path; got {url!r}. Write three slashes.")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    if asked.get("mode", "ro") != "ro" or asked.keys() - {"mode", "blobs"} or (query and not asked):
        raise UsageError(
            f"a store in SQLite is only read with ?mode=ro, and has its large payloads at ?blobs=URL; got ?{query}. "
            "Write these, or nothing."
        )
    return Path(path).expanduser().absolute(), "mode" in asked


def blobs_url(url: str) -> str | None:
    """Return where a store has its large payloads: what its URL says, else $GENWRIGHT_BLOBS; None for beside it."""
    _, _, query = url.partition("?")
    return dict(parse_qsl(query)).get("blobs") or os.environ.get("GENWRIGHT_BLOBS") or None


def read_only(url: str) -> str:
    """Return the URL by which a store is only read; that of a store that is no file is as it is."""
    if not url.startswith("sqlite:") or "mode=" in url.partition("?")[2]:
        return url
    return f"{url}{'&' if '?' in url else '?'}mode=ro"


def without_password(url: str) -> str:
    """Return the URL of a store as it may be told: without the password of its user, and those in its query."""
    place, mark, query = url.partition("?")
    told = re.sub(r"^([^/]*//[^:/]*):[^/]*@", r"\1@", place)
    return told + mark + re.sub(r"(?<![^&])(\w*password)=[^&]*&?", "", query)
