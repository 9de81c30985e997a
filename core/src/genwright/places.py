"""Where Genwright keeps what it keeps on this machine."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["cache_folder", "data_folder", "store_url"]

_NAME = "genwright"


def cache_folder() -> Path:
    """Return the folder of what can be fetched again: $GENWRIGHT_CACHE, or the user's own for this program."""
    return Path(os.environ.get("GENWRIGHT_CACHE") or platformdirs.user_cache_dir(_NAME, appauthor=False))


def data_folder() -> Path:
    """Return the user's own folder of what must not be lost."""
    return Path(platformdirs.user_data_dir(_NAME, appauthor=False))


def store_url() -> str:
    """Return the URL of the default store: $GENWRIGHT_STORE, or a file in the data folder."""
    return os.environ.get("GENWRIGHT_STORE") or f"sqlite:///{data_folder() / 'store.sqlite'}"
