"""Properties of molecules that can be computed from their structure alone."""

from __future__ import annotations

import importlib.util
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

__all__ = ["PROPERTIES", "Measurement", "measure"]


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
        return tuple(PROPERTIES[name](molecule) for name in self.names)

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
    return float(_scorer().calculateScore(molecule))


@cache
def _scorer() -> Any:
    """Return a module of RDKit's Contrib folder, which is no package, without touching sys.path."""
    path = os.path.join(RDContribDir, "SA_Score", "sascorer.py")
    spec = importlib.util.spec_from_file_location("genwright_molecules._sascorer", path)
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PROPERTIES: Mapping[str, Callable[[Mol], float]] = MappingProxyType(
    {
        "logP": _log_p,
        "QED": qed,
        "TPSA": CalcTPSA,
        "SA": _synthetic_accessibility,
        "weight": MolWt,
    }
)
"""What can be measured, by name; the units are those of the domain's conditions.

Sources: logP: Wildman and Crippen (1999), doi:10.1021/ci990307l; QED: Bickerton et al. (2012), doi:10.1038/nchem.1243;
TPSA: Ertl, Rohde and Selzer (2000), doi:10.1021/jm000942e; SA: Ertl and Schuffenhauer (2009),
doi:10.1186/1758-2946-1-8; weight: the atomic weights of IUPAC, as RDKit has them.
"""
