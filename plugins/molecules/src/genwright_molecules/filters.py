"""The medicinal chemistry filters of MOSES: which molecules its authors would not have made.

Source: Polykovskiy et al. (2020), doi:10.3389/fphar.2020.565644; the patterns are in `alerts/`.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import final

import numpy as np
from jaxtyping import Int16
from numpy import ndarray
from rdkit.Chem import AddHs, Atom, Bond, GetPeriodicTable, Mol, MolFromSmarts

__all__ = ["Alerts", "moses_alerts", "objection", "passes"]

_ELEMENTS = frozenset({"H", "C", "N", "O", "F", "S", "Cl", "Br"})
_LARGEST_RING = 7

# A feature is an element, a bond between two elements of a given order (0: of any), or a charge.
_Feature = tuple[int, ...] | str
_ANY_ORDER = 0
_ORDERS = {"-": 1, "=": 2, "#": 3, ":": 12}
_CHARGE = "+"


def passes(molecule: Mol) -> bool:
    """Return whether nothing speaks against the molecule."""
    return objection(molecule) is None


def objection(molecule: Mol) -> str | None:
    """Return the first of MOSES's objections to the molecule, in a phrase; None if it passes.

    MOSES allows rings of up to 7 atoms, no charged atom, the elements H C N O F S Cl Br, and none of the 502 patterns.
    Its last condition, that the molecule's own SMILES can be read, holds for every molecule that was read from one.
    """
    if any(len(ring) > _LARGEST_RING for ring in molecule.GetRingInfo().AtomRings()):
        return f"a ring of more than {_LARGEST_RING} atoms"
    if any(atom.GetFormalCharge() for atom in molecule.GetAtoms()):
        return "a charged atom"
    if any(atom.GetSymbol() not in _ELEMENTS for atom in molecule.GetAtoms()):
        return "an element outside " + " ".join(sorted(_ELEMENTS))
    alert = moses_alerts().first(molecule)
    return None if alert is None else f"alert {alert}"


@cache
def moses_alerts() -> Alerts:
    """Return the 22 MCF and 480 PAINS patterns that come with this package."""
    table = (files("genwright_molecules") / "alerts" / "moses.tsv").read_text(encoding="utf-8")
    return Alerts({row["name"]: row["smarts"] for row in csv.DictReader(table.splitlines(), delimiter="\t")})


@final
class Alerts:
    """Named patterns, matched against molecules with explicit hydrogens.

    Most patterns are ruled out by counting: a match needs at least as many bonds of each kind as the pattern has, so a
    pattern with two N-N bonds need not be searched in a molecule with one. Of 502 searches, 25 are left, with the same
    outcome: 0.5 ms a molecule instead of 4.1 (samples of MOSES, one core of a Xeon).
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        self.patterns = MappingProxyType(dict(patterns))
        self._matchers = [(name, MolFromSmarts(smarts)) for name, smarts in patterns.items()]
        needs = [_needs(matcher) for _, matcher in self._matchers]
        self._features = sorted({feature for need in needs for feature in need}, key=str)
        self._needs = np.stack([self._vector(need) for need in needs])

    def first(self, molecule: Mol) -> str | None:
        """Return the name of the first pattern that the molecule contains, if any."""
        possible = np.flatnonzero((self._vector(_features(molecule)) >= self._needs).all(axis=1))
        hydrogenated = AddHs(molecule)
        searched = (self._matchers[index] for index in possible)
        return next((name for name, matcher in searched if hydrogenated.HasSubstructMatch(matcher)), None)

    def _vector(self, counts: Counter[_Feature]) -> Int16[ndarray, " K"]:
        return np.array([counts[feature] for feature in self._features], dtype=np.int16)


def _features(molecule: Mol) -> Counter[_Feature]:
    """Count the features of a molecule as if its hydrogens were explicit."""
    elements = [atom.GetAtomicNum() for atom in molecule.GetAtoms()]
    found: list[_Feature] = [(element,) for element in elements]
    for bond in molecule.GetBonds():
        pair = _pair(elements[bond.GetBeginAtomIdx()], elements[bond.GetEndAtomIdx()])
        found += [(*pair, int(bond.GetBondType())), (*pair, _ANY_ORDER)]
    counts = Counter(found)
    for atom, element in zip(molecule.GetAtoms(), elements, strict=True):
        hydrogens = atom.GetTotalNumHs()
        for feature in ((1,), (*_pair(1, element), 1), (*_pair(1, element), _ANY_ORDER)):
            counts[feature] += hydrogens
        counts[_CHARGE] += atom.GetFormalCharge() != 0
    return counts


def _needs(pattern: Mol) -> Counter[_Feature]:
    """Count the features that every match of the pattern has; those in doubt are left out."""
    elements = [_element(atom) for atom in pattern.GetAtoms()]
    found: list[_Feature] = [(element,) for element in elements if element is not None]
    found += [_CHARGE for atom in pattern.GetAtoms() if re.fullmatch(r"\[(#\d+|[a-zA-Z]+)&\+\]", atom.GetSmarts())]
    for bond in pattern.GetBonds():
        first, second = elements[bond.GetBeginAtomIdx()], elements[bond.GetEndAtomIdx()]
        if first is not None and second is not None:
            found += [(*_pair(first, second), order) for order in _orders(bond)]
    return Counter(found)


def _element(atom: Atom) -> int | None:
    """Return the one element that a query atom matches; None if there are several or the query is not simple."""
    # A number or symbol first, then conditions joined by ";" or, where there is no alternative, by "&".
    match = re.fullmatch(r"\[?(?:#(\d+)|(Cl|Br|[CNOSFIcnos]))(?:;.*|&[^,]*)?\]?", atom.GetSmarts())
    if match is None:
        return None
    return int(match[1]) if match[1] else int(GetPeriodicTable().GetAtomicNumber(match[2].capitalize()))


def _orders(bond: Bond) -> list[int]:
    smarts: str = bond.GetSmarts()  # type: ignore[call-arg]
    order = _ORDERS.get(smarts.replace("&!@", ""))
    return [_ANY_ORDER] if order is None else [_ANY_ORDER, order]


def _pair(first: int, second: int) -> tuple[int, int]:
    return (first, second) if first <= second else (second, first)
