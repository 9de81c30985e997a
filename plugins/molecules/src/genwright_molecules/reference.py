"""A set of molecules to compare samples with."""

from __future__ import annotations

import hashlib
import os
import tempfile
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, final

import numpy as np
from jaxtyping import Float64, UInt8
from numpy import ndarray
from rdkit import rdBase

from genwright.folders import cache_folder
from genwright_molecules.frechet import Gaussian
from genwright_molecules.molecules import Molecules

__all__ = ["Reference"]

_Arrays = Mapping[str, Any]

# Raised when a part would come out otherwise from the same SMILES and the same RDKit.
_FORMAT = 1


@final
class Reference:
    """A set of molecules with all that metrics need of it, each part computed once and then kept on disk.

    Parts are kept by the digest of the SMILES and the version of RDKit. A set of 176,000 takes some fourteen minutes of
    one core the first time, nearly half of it for `gaussian`, and half a second later. SMILES with a flaw are left out.

    workers:  processes; None for as many as pay
    folder:   where parts are kept; None for the user's cache
    """

    def __init__(self, smiles: Sequence[str], *, workers: int | None = None, folder: Path | None = None) -> None:
        self._molecules = Molecules(smiles, workers=workers)
        self._folder = (cache_folder() / "molecules" / "references" if folder is None else folder) / self.digest

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all that decides the parts, in 32 hexadecimal digits."""
        content = "\n".join((f"{_FORMAT} {rdBase.rdkitVersion}", *self._molecules.smiles))
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @cached_property
    def gaussian(self) -> Gaussian:
        """ChemNet's view of the set."""
        return Gaussian.of_arrays(self._part("gaussian", lambda: self._molecules.gaussian.to_arrays()))

    @cached_property
    def fingerprints(self) -> UInt8[ndarray, "N 128"]:
        """The Morgan fingerprint of each molecule, eight bits to a byte."""
        bits: UInt8[ndarray, "N 128"] = self._part("fingerprints", lambda: {"bits": self._molecules.fingerprints})[
            "bits"
        ]
        return bits

    @cached_property
    def fragments(self) -> Counter[str]:
        """How often each BRICS fragment occurs."""
        return _counts(self._part("fragments", lambda: _from_counts(self._molecules.fragments)))

    @cached_property
    def scaffolds(self) -> Counter[str]:
        """How many molecules have each Murcko scaffold."""
        return _counts(self._part("scaffolds", lambda: _from_counts(self._molecules.scaffolds)))

    @cached_property
    def properties(self) -> Mapping[str, Float64[ndarray, " N"]]:
        """The compared properties of each molecule, by name."""
        return self._part("properties", lambda: self._molecules.properties)

    @cached_property
    def canonical(self) -> frozenset[str]:
        """RDKit's spelling of each molecule."""
        return frozenset(_texts(self._part("canonical", lambda: {"texts": _from_texts(self._molecules.canonical)})))

    def _part(self, name: str, compute: Callable[[], _Arrays]) -> _Arrays:
        path = self._folder / f"{name}.npz"
        kept = _load(path)
        if kept is not None:
            return kept
        arrays = compute()
        _save(path, arrays)
        return arrays


def _load(path: Path) -> _Arrays | None:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        warnings.warn(f"a damaged file is computed again: {path}: {error}", RuntimeWarning, stacklevel=2)
        return None


def _save(path: Path, arrays: _Arrays) -> None:
    """Write the file whole or not at all; where that is not possible, the part is computed again next time."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            try:
                np.savez(file, allow_pickle=False, **arrays)
                os.replace(file.name, path)
            except BaseException:
                os.unlink(file.name)
                raise
    except OSError as error:
        warnings.warn(f"a part of a reference is not kept: {path}: {error}", RuntimeWarning, stacklevel=2)


def _from_counts(pieces: Sequence[Sequence[str]]) -> _Arrays:
    counter = Counter(chain.from_iterable(pieces))
    return {"texts": _from_texts(tuple(counter)), "counts": np.array(list(counter.values()), dtype=np.int64)}


def _counts(arrays: _Arrays) -> Counter[str]:
    return Counter(dict(zip(_texts(arrays), arrays["counts"].tolist(), strict=True)))


# An array of strings would pad each to the longest.
def _from_texts(texts: Sequence[str]) -> UInt8[ndarray, " L"]:
    return np.frombuffer("\n".join(texts).encode(), dtype=np.uint8)


def _texts(arrays: _Arrays) -> list[str]:
    return bytes(arrays["texts"]).decode().splitlines()
