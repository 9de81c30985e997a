"""Sampled molecules with all that metrics compute of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, final

import numpy as np
from jaxtyping import Bool, Float64, UInt8
from numpy import ndarray
from rdkit.Chem import Mol, MolToSmiles

from genwright.gaussian import Gaussian
from genwright_molecules.filters import passes
from genwright_molecules.fingerprints import BITS, fingerprint, mean_similarities
from genwright_molecules.fragments import brics_fragments, murcko_scaffold
from genwright_molecules.frechet import activations
from genwright_molecules.molecule import parse
from genwright_molecules.parallel import mapped
from genwright_molecules.properties import Measurement

__all__ = ["COMPARED", "Molecules"]

R = TypeVar("R")

COMPARED = ("logP", "SA", "QED", "weight")
"""The properties whose distributions MOSES compares."""

_GROUPS = 10


@final
class Molecules:
    """SMILES as they were sampled, with all that metrics compute of them, each computed once and when asked for.

    Everything but `smiles` is of the valid ones, in their order, repeated ones included.
    workers: processes; None for as many as pay
    """

    def __init__(self, smiles: Sequence[str], *, workers: int | None = None) -> None:
        self.smiles = tuple(smiles)
        self._workers = workers

    @cached_property
    def canonical(self) -> tuple[str, ...]:
        """RDKit's spelling of each."""
        return tuple(spelling for spelling, _ in self._parsed)

    @cached_property
    def fingerprints(self) -> UInt8[ndarray, "N 128"]:
        """The Morgan fingerprint of each, eight bits to a byte."""
        return np.array(self._each(fingerprint), dtype=np.uint8).reshape(-1, BITS // 8)

    @cached_property
    def fragments(self) -> tuple[tuple[str, ...], ...]:
        """The BRICS fragments of each."""
        return tuple(self._each(brics_fragments))

    @cached_property
    def scaffolds(self) -> tuple[tuple[str, ...], ...]:
        """The Murcko scaffold of each: one or none."""
        return tuple(() if found is None else (found,) for found in self._each(murcko_scaffold))

    @cached_property
    def passing(self) -> Bool[ndarray, " N"]:
        """Whether each passes the filters of MOSES."""
        return np.array(self._each(passes), dtype=np.bool_)

    @cached_property
    def properties(self) -> Mapping[str, Float64[ndarray, " N"]]:
        """The compared properties of each, by name."""
        rows = np.array(self._each(Measurement(COMPARED).of), dtype=np.float64).reshape(-1, len(COMPARED))
        return dict(zip(COMPARED, np.ascontiguousarray(rows.T), strict=True))

    @cached_property
    def similarities(self) -> Float64[ndarray, "2 N"]:
        """The mean over all, itself included, of each one's Tanimoto similarity and of its square."""
        return mean_similarities(self.fingerprints)

    @cached_property
    def gaussians(self) -> tuple[Gaussian, ...]:
        """ChemNet's view of ten groups of them; of a single group where there are fewer than 40."""
        groups = _GROUPS if len(self.canonical) >= 4 * _GROUPS else 1
        return tuple(Gaussian.fit(activations(self.canonical[start::groups])) for start in range(groups))

    @cached_property
    def gaussian(self) -> Gaussian:
        """ChemNet's view of all of them."""
        return Gaussian.merged(self.gaussians)

    @cached_property
    def _parsed(self) -> list[tuple[str, bytes]]:
        return [found for found in mapped(_read, self.smiles, workers=self._workers) if found is not None]

    def _each(self, function: Callable[[Mol], R]) -> list[R]:
        return mapped(_OfBinary(function), [binary for _, binary in self._parsed], workers=self._workers)


@dataclass(frozen=True)
class _OfBinary:
    """A function of molecules, for molecules in RDKit's binary form: 300 bytes each, read faster than SMILES."""

    function: Callable[[Mol], Any]

    def __call__(self, binary: bytes) -> Any:
        return self.function(Mol(binary))  # type: ignore[call-overload]


def _read(smiles: str) -> tuple[str, bytes] | None:
    molecule = parse(smiles)
    return None if molecule is None else (MolToSmiles(molecule), molecule.ToBinary())
