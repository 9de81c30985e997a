"""Where this plugin keeps what it can compute again."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_dir

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Return the folder for caches: $GENWRIGHT_CACHE if set, else the user's; it may not exist yet."""
    return Path(os.environ.get("GENWRIGHT_CACHE") or user_cache_dir("genwright", appauthor=False)) / "molecules"
