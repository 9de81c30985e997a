"""Where Genwright keeps what it makes."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

__all__ = ["cache_folder", "data_folder", "store_url"]


def data_folder() -> Path:
    """Return the folder for models and the default store: $GENWRIGHT_HOME, else the user's; it may not exist yet."""
    return Path(os.environ.get("GENWRIGHT_HOME") or platformdirs.user_data_dir("genwright", appauthor=False))


def cache_folder() -> Path:
    """Return the folder for what can be made again: $GENWRIGHT_CACHE, else the user's; it may not exist yet."""
    return Path(os.environ.get("GENWRIGHT_CACHE") or platformdirs.user_cache_dir("genwright", appauthor=False))


def store_url() -> str:
    """Return the URL of the default store: $GENWRIGHT_STORE, or a file in the data folder."""
    return os.environ.get("GENWRIGHT_STORE") or f"sqlite:///{data_folder() / 'store.sqlite'}"
