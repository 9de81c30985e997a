"""No number without a green test: what is timed must first be right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["Red", "check_green"]

_ROOT = Path(__file__).resolve().parent.parent


class Red(Exception):
    """Tests of what was to be measured fail, or are missing."""


def check_green(tests: Sequence[str], *, root: Path = _ROOT) -> None:
    """Run the quick tests in these files and folders of the repository.

    Raises Red with the end of pytest's report if one fails, or if one of the paths is missing.
    """
    missing = [path for path in tests if not (root / path).exists()]
    if missing:
        raise Red(f"the benchmark needs green tests in {', '.join(tests)}; there is no {', '.join(missing)}.")
    arguments = ["-q", "-x", "-m", "not slow and not gpu", "-p", "no:cacheprovider", *tests]
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=root, capture_output=True, text=True)
    if done.returncode:
        report = "\n".join(done.stdout.splitlines()[-15:])
        raise Red(f"the benchmark measures only what passes its tests; these fail. Mend them first.\n{report}")
