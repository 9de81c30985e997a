"""A set of molecules to compare samples with."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import Float64, UInt8
from numpy import ndarray
from rdkit import rdBase

from genwright.gaussian import Gaussian
from genwright.parts import Arrays, Parts
from genwright_molecules.molecules import Molecules

__all__ = ["Reference"]

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
        self._parts = Parts(domain="molecules", digest=self.digest, folder=folder)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all that decides the parts, in 32 hexadecimal digits."""
        content = "\n".join((f"{_FORMAT} {rdBase.rdkitVersion}", *self._molecules.smiles))
        return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @cached_property
    def gaussian(self) -> Gaussian:
        """ChemNet's view of the set."""
        return Gaussian.of_arrays(self._parts.get("moments", lambda: self._molecules.gaussian.to_arrays()))

    @cached_property
    def fingerprints(self) -> UInt8[ndarray, "N 128"]:
        """The Morgan fingerprint of each molecule, eight bits to a byte."""
        bits: UInt8[ndarray, "N 128"] = self._parts.get("fingerprints", lambda: {"bits": self._molecules.fingerprints})[
            "bits"
        ]
        return bits

    @cached_property
    def fragments(self) -> Counter[str]:
        """How often each BRICS fragment occurs."""
        return _counts(self._parts.get("fragments", lambda: _from_counts(self._molecules.fragments)))

    @cached_property
    def scaffolds(self) -> Counter[str]:
        """How many molecules have each Murcko scaffold."""
        return _counts(self._parts.get("scaffolds", lambda: _from_counts(self._molecules.scaffolds)))

    @cached_property
    def properties(self) -> Mapping[str, Float64[ndarray, " N"]]:
        """The compared properties of each molecule, by name."""
        return self._parts.get("properties", lambda: self._molecules.properties)

    @cached_property
    def canonical(self) -> frozenset[str]:
        """RDKit's spelling of each molecule."""
        return frozenset(
            _texts(self._parts.get("canonical", lambda: {"texts": _from_texts(self._molecules.canonical)}))
        )


def _from_counts(pieces: Sequence[Sequence[str]]) -> Arrays:
    counter = Counter(chain.from_iterable(pieces))
    return {"texts": _from_texts(tuple(counter)), "counts": np.array(list(counter.values()), dtype=np.int64)}


def _counts(arrays: Arrays) -> Counter[str]:
    return Counter(dict(zip(_texts(arrays), arrays["counts"].tolist(), strict=True)))


# An array of strings would pad each to the longest.
def _from_texts(texts: Sequence[str]) -> UInt8[ndarray, " L"]:
    return np.frombuffer("\n".join(texts).encode(), dtype=np.uint8)


def _texts(arrays: Arrays) -> list[str]:
    return bytes(arrays["texts"]).decode().splitlines()
