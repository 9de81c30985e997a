"""Properties of molecules that can be computed from their structure alone."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from rdkit.Chem import Mol, MolToSmiles
from rdkit.Chem.Descriptors import MolWt  # type: ignore[attr-defined]
from rdkit.Chem.QED import qed
from rdkit.Chem.rdMolDescriptors import CalcCrippenDescriptors, CalcTPSA
from rdkit.RDConfig import RDContribDir

from genwright.errors import UnknownName
from genwright_molecules.molecule import parse
from genwright_molecules.parallel import mapped
from genwright_molecules.scores import ScoreCache

__all__ = ["PROPERTIES", "Measurement", "Property", "measure"]


@dataclass(frozen=True, kw_only=True)
class Property:
    """A number that a molecule has.

    low, high:  where nearly all druglike molecules lie, in the property's unit
    """

    name: str
    unit: str
    low: float
    high: float
    function: Callable[[Mol], float]
    source: str


def measure(
    smiles: Sequence[str], names: Sequence[str], *, workers: int | None = None, cache: ScoreCache | None = None
) -> Float64[ndarray, "N P"]:
    """Return the named properties of each molecule, NaN where a SMILES has a flaw.

    workers:  processes; None for as many as pay
    cache:    where values are looked up first and kept; None for nowhere. It pays where molecules come back: a value
              found costs a tenth of QED, one not found makes QED a tenth dearer

    Raises UnknownName for a name that is not in PROPERTIES.
    """
    for name in names:
        if name not in PROPERTIES:
            raise UnknownName("property of molecules", name, PROPERTIES)
    function = Measurement(tuple(names))
    rows = mapped(function, smiles, workers=workers) if cache is None else _cached(function, smiles, workers, cache)
    return np.array(rows, dtype=np.float64).reshape(len(smiles), len(names))


@dataclass(frozen=True)
class Measurement:
    """The named properties as one function, which other processes can be given."""

    names: tuple[str, ...]

    def of(self, molecule: Mol) -> tuple[float, ...]:
        """Return the properties of a molecule."""
        return tuple(PROPERTIES[name].function(molecule) for name in self.names)

    def __call__(self, smiles: str) -> tuple[float, ...]:
        """Return the properties of a molecule by its SMILES; NaN where it has a flaw."""
        molecule = parse(smiles)
        return self.of(molecule) if molecule is not None else (math.nan,) * len(self.names)


def _cached(
    function: Measurement, smiles: Sequence[str], workers: int | None, cache: ScoreCache
) -> list[tuple[float, ...]]:
    # Not the InChIKey: tautomers share it, but not their logP. The canonical spelling also costs a quarter as much.
    keys = mapped(_spelling, smiles, workers=workers)
    wanted = list({key for key in keys if key is not None})
    rows = cache.get(wanted, function.names)
    missing = [key for key in wanted if key not in rows]
    found = dict(zip(missing, mapped(function, missing, workers=workers), strict=True))
    cache.put(found, function.names)
    rows |= found
    return [rows[key] if key is not None else function("") for key in keys]


def _spelling(smiles: str) -> str | None:
    molecule = parse(smiles)
    return None if molecule is None else MolToSmiles(molecule)


def _log_p(molecule: Mol) -> float:
    return float(CalcCrippenDescriptors(molecule)[0])


def _synthetic_accessibility(molecule: Mol) -> float:
    return float(_contributed("SA_Score", "sascorer").calculateScore(molecule))


def _natural_product_likeness(molecule: Mol) -> float:
    return float(_contributed("NP_Score", "npscorer").scoreMol(molecule, _natural_product_model()))


@cache
def _natural_product_model() -> Mapping[int, float]:
    # The scorer reports on stderr that it reads its file.
    with contextlib.redirect_stderr(io.StringIO()):
        model: Mapping[int, float] = _contributed("NP_Score", "npscorer").readNPModel()
    return model


@cache
def _contributed(folder: str, name: str) -> Any:
    """Return a module of RDKit's Contrib folder, which is no package, without touching sys.path."""
    path = os.path.join(RDContribDir, folder, f"{name}.py")
    spec = importlib.util.spec_from_file_location(f"genwright_molecules._{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_TABLE = (
    Property(
        name="logP",
        unit="",
        low=-2.0,
        high=6.0,
        function=_log_p,
        source="Wildman and Crippen (1999), doi:10.1021/ci990307l",
    ),
    Property(
        name="QED", unit="", low=0.0, high=1.0, function=qed, source="Bickerton et al. (2012), doi:10.1038/nchem.1243"
    ),
    Property(
        name="TPSA",
        unit="Å²",
        low=0.0,
        high=200.0,
        function=CalcTPSA,
        source="Ertl, Rohde and Selzer (2000), doi:10.1021/jm000942e",
    ),
    Property(
        name="SA",
        unit="",
        low=1.0,
        high=6.0,
        function=_synthetic_accessibility,
        source="Ertl and Schuffenhauer (2009), doi:10.1186/1758-2946-1-8",
    ),
    Property(
        name="NP",
        unit="",
        low=-4.0,
        high=3.0,
        function=_natural_product_likeness,
        source="Ertl, Roggo and Schuffenhauer (2008), doi:10.1021/ci700286x",
    ),
    Property(
        name="weight",
        unit="Da",
        low=100.0,
        high=700.0,
        function=MolWt,
        source="IUPAC atomic weights, as RDKit has them",
    ),
)

PROPERTIES: Mapping[str, Property] = MappingProxyType({entry.name: entry for entry in _TABLE})
"""What can be measured, by name."""
