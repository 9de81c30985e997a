"""The pieces molecules are made of, and how alike two sets are in their pieces.

Source: Polykovskiy et al. (2020), doi:10.3389/fphar.2020.565644. Fragments: Degen et al. (2008),
doi:10.1002/cmdc.200800178. Scaffolds: Bemis and Murcko (1996), doi:10.1021/jm9602928.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from rdkit.Chem import Mol, MolToSmiles
from rdkit.Chem.rdMolDescriptors import CalcNumRings
from rdkit.Chem.rdmolops import FragmentOnBRICSBonds
from rdkit.Chem.Scaffolds.MurckoScaffold import GetScaffoldForMol

__all__ = ["brics_fragments", "cosine", "cosine_gradient", "murcko_scaffold"]

# MOSES leaves out scaffolds of a single ring: nearly every set has the same ones.
_FEWEST_RINGS = 2


def brics_fragments(molecule: Mol) -> tuple[str, ...]:
    """Return the SMILES of the pieces left when every BRICS bond is cut, each as often as it occurs.

    Cut ends are marked by dummy atoms whose isotope is the BRICS environment.
    """
    return tuple(MolToSmiles(FragmentOnBRICSBonds(molecule)).split("."))


def murcko_scaffold(molecule: Mol) -> str | None:
    """Return the SMILES of the rings and the chains between them; None for fewer than two rings."""
    scaffold: Mol = GetScaffoldForMol(molecule)  # type: ignore[no-untyped-call]
    return MolToSmiles(scaffold) if CalcNumRings(scaffold) >= _FEWEST_RINGS else None


def cosine(first: Mapping[str, int], second: Mapping[str, int]) -> float:
    """Return the cosine of two vectors of counts, in 0 to 1; NaN where either is empty."""
    lengths = _length(first) * _length(second)
    return sum(count * second.get(name, 0) for name, count in first.items()) / lengths if lengths else math.nan


def cosine_gradient(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, float]:
    """Return how the cosine changes with each count of `first`; empty where the cosine is not defined."""
    length, other = _length(first), _length(second)
    if not length * other:
        return {}
    value = cosine(first, second)
    return {name: (second.get(name, 0) / other - value * count / length) / length for name, count in first.items()}


def _length(counts: Mapping[str, int]) -> float:
    return math.sqrt(sum(count * count for count in counts.values()))
