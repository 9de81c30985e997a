"""The errors of Genwright.

GenwrightError
├── UsageError            what was asked for cannot be done as asked; the command line exits with 2
│   ├── UnknownName       no component, model, data set, option value or stored thing has this name
│   ├── MismatchError     components that do not fit each other
│   ├── OptionError       an option that a component does not take, or of a wrong type or range
│   ├── ConditionError    a condition that the domain or the model does not offer, or out of range
│   ├── RecipeError       a recipe that is incomplete or contradicts itself
│   └── ShapeError        a tensor or array of the wrong shape
├── PluginError           a plugin that breaks the contract
├── DataError             a file that cannot be read as what it should be
├── CheckpointError       a checkpoint that is damaged, incomplete or of an unsafe format
├── TrainingError         a training run that cannot go on
└── StoreError            the store refused
    ├── ForeignStore      the file or database is not a Genwright store, or from a newer version
    ├── StoreLocked       another process holds the store
    ├── StoreReadOnly     the store cannot be written
    ├── StorageFull       no space is left; everything acknowledged so far is safe
    ├── Conflict          other bytes are already stored under the same run and index
    ├── KeyMissing        the key that signs the store's ledger is not on this machine
    ├── Erased            what was asked for was erased, and its tombstone says when and why
    ├── Forbidden         a role is needed, or a legal hold forbids it
    └── ProofError        a key, signed head or proof that is malformed or does not hold

Each class carries a `code`, explained in docs/errors.md. Each message says what was wanted, what came and what to do.
"""

import difflib
from collections.abc import Iterable
from typing import ClassVar

__all__ = [
    "CheckpointError",
    "ConditionError",
    "Conflict",
    "DataError",
    "Erased",
    "Forbidden",
    "ForeignStore",
    "GenwrightError",
    "KeyMissing",
    "MismatchError",
    "OptionError",
    "PluginError",
    "ProofError",
    "RecipeError",
    "ShapeError",
    "StorageFull",
    "StoreError",
    "StoreLocked",
    "StoreReadOnly",
    "TrainingError",
    "UnknownName",
    "UsageError",
    "shown",
]

# A path or a digest is shown whole; of what is longer, the beginning says enough.
_WHOLE, _PART = 200, 60


class GenwrightError(Exception):
    """Any error that Genwright raises on purpose."""

    code: ClassVar[str] = "genwright"


class UsageError(GenwrightError):
    """What was asked for cannot be done as asked."""

    code = "usage"


class UnknownName(UsageError):
    """Nothing of this kind has this name; the message offers the nearest ones."""

    code = "unknown-name"

    def __init__(self, kind: str, name: str, known: Iterable[str], advice: str = "") -> None:
        known = sorted(known)
        parts = (f"there is no {kind} named {shown(name)}.", _offer(name, known, advice), advice)
        super().__init__(" ".join(filter(None, parts)))
        self.kind, self.name, self.known = kind, name, known


class MismatchError(UsageError):
    """Components that do not fit each other."""

    code = "mismatch"


class OptionError(UsageError):
    """An option that a component does not take, or of a wrong type or range."""

    code = "option"


class ConditionError(UsageError):
    """A condition that the domain or the model does not offer, or out of its range."""

    code = "condition"


class RecipeError(UsageError):
    """A recipe that is incomplete or contradicts itself."""

    code = "recipe"


class ShapeError(UsageError):
    """A tensor or array of the wrong shape."""

    code = "shape"


class PluginError(GenwrightError):
    """A plugin that breaks the contract."""

    code = "plugin"


class DataError(GenwrightError):
    """A file that cannot be read as what it should be."""

    code = "data"


class CheckpointError(GenwrightError):
    """A checkpoint that is damaged, incomplete or of an unsafe format."""

    code = "checkpoint"


class TrainingError(GenwrightError):
    """A training run that cannot go on."""

    code = "training"


class StoreError(GenwrightError):
    """The store refused."""

    code = "store"


class ForeignStore(StoreError):
    """The file or database is not a Genwright store, or was written by a newer version."""

    code = "foreign-store"


class StoreLocked(StoreError):
    """Another process holds the store."""

    code = "store-locked"


class StoreReadOnly(StoreError):
    """The store cannot be written."""

    code = "store-read-only"


class StorageFull(StoreError):
    """No space is left; everything acknowledged so far is safe."""

    code = "storage-full"


class Conflict(StoreError):
    """Other bytes are already stored under the same run and index."""

    code = "conflict"


class KeyMissing(StoreError):
    """The key that signs the store's ledger is not on this machine."""

    code = "key-missing"


class Erased(StoreError):
    """What was asked for was erased; its tombstone says when and why."""

    code = "erased"


class Forbidden(StoreError):
    """Who asks has no role that allows it, or a legal hold forbids it."""

    code = "forbidden"


class ProofError(StoreError):
    """A key, signed head or proof is malformed or does not hold."""

    code = "proof"


def shown(value: object) -> str:
    """Return a value as messages show it: as Python writes it, cut at 60 characters if it has more than 200."""
    try:
        text = repr(value)
    except ValueError:
        return "a number too long to be written"
    return text if len(text) <= _WHOLE else f"{text[:_PART]}… ({len(text):,} characters)"


def _offer(name: str, known: list[str], advice: str) -> str:
    near = difflib.get_close_matches(name[:_WHOLE], known, n=3, cutoff=0.5)
    if near:
        return f"Did you mean {' or '.join(repr(n) for n in near)}?"
    if known:
        return f"Known: {', '.join(known)}."
    # Where there is advice, it says better what to do: samples are not installed.
    return "" if advice else "None is installed."
