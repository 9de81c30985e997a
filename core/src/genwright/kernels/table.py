"""Which implementations are fastest on an architecture, as measured before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import final

import torch

from genwright.errors import DataError

__all__ = ["TUNED", "Table", "architecture", "capability", "digest", "table"]

TUNED = Path(__file__).parent / "tuned"
"""Where the tables are: tuned/sm90.json. An architecture without one was not measured."""


@final
@dataclass(frozen=True, kw_only=True)
class Table:
    """The implementations of operations, fastest first.

    measured:   on what and when: the device, the versions of torch and triton, the date
    priorities: by operation and by case of its arguments; the case "" stands for those that are not listed
    """

    measured: Mapping[str, str] = field(default_factory=dict)
    priorities: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)

    def order(self, operation: str, case: str) -> tuple[str, ...]:
        """Return the implementations of an operation, fastest first; none if it was not measured."""
        cases = self.priorities.get(operation, {})
        return cases.get(case, cases.get("", ()))


def architecture(device: torch.device) -> str:
    """Return the name that tables go by: "sm90" for a GPU of compute capability 9.0, and the type of other devices."""
    number = capability(device)
    return f"sm{number}" if number else device.type


def capability(device: torch.device) -> int:
    """Return the compute capability of a GPU as compilers name it, such as 90; 0 for other devices."""
    if device.type != "cuda" or torch.version.hip:
        return 0
    return _capability(device.index or 0)


@cache
def _capability(index: int) -> int:
    major, minor = torch.cuda.get_device_capability(index)
    return 10 * major + minor


@cache
def table(name: str, folder: Path = TUNED) -> Table:
    """Return the table of an architecture, which is empty if it was not measured.

    Raises DataError if its file is not such a table.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        return Table()
    try:
        return _read(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f'{path} should hold {{"measured": {{...}}, "priorities": {{operation: {{case: [names]}}}}}}; '
            f"it does not: {type(error).__name__}: {error}. Measure it again, or remove it to do without."
        ) from None


@cache
def digest(name: str, folder: Path = TUNED) -> str:
    """Return the SHA-256 of the table of an architecture, in hexadecimal; "" if it was not measured."""
    path = folder / f"{name}.json"
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _read(found: Mapping[str, Mapping[str, Mapping[str, list[str]]]]) -> Table:
    priorities = {
        operation: {case: _names(names) for case, names in cases.items()}
        for operation, cases in found["priorities"].items()
    }
    return Table(measured={key: str(value) for key, value in found["measured"].items()}, priorities=priorities)


def _names(names: object) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TypeError(f"{names!r} is not a list of names")
    return tuple(names)
