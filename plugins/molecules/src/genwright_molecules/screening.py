"""By what recorded molecules are found: what they are alike in, and what they contain.

Sources: Rogers and Hahn (2010), doi:10.1021/ci100050t; the fingerprint of patterns is RDKit's.
"""

from __future__ import annotations

from functools import cache

from rdkit import Chem
from rdkit.Chem.rdFingerprintGenerator import FingerprintGenerator64, GetMorganGenerator
from rdkit.DataStructs import BitVectToBinaryText
from rdkit.rdBase import BlockLogs

from genwright.domain import Pattern
from genwright.errors import UsageError, shown
from genwright_molecules.molecule import parse

__all__ = ["BITS", "pattern", "screens"]

BITS, _RADIUS = 2048, 2
_LONGEST = 1000


def screens(smiles: str) -> tuple[bytes, bytes] | None:
    """Return the Morgan fingerprint of radius 2 of a molecule and the one of patterns in it, of 2,048 bits each."""
    molecule = parse(smiles)
    if molecule is None:
        return None
    morgan = _generator().GetFingerprint(molecule)
    return BitVectToBinaryText(morgan), BitVectToBinaryText(Chem.PatternFingerprint(molecule, fpSize=BITS))


def pattern(text: str) -> Pattern[str]:
    """Return the substructure that a text describes.

    text: SMILES if it has neither brackets nor "*" and RDKit reads it as such, so that rings may be written with double
          bonds or as aromatic; else SMARTS, in which "[OH]" is an oxygen with one hydrogen

    Raises UsageError for what is neither.
    """
    with BlockLogs():
        query = _query(text)
        if query is None or not query.GetNumAtoms():
            raise UsageError(
                f"a substructure is SMILES or SMARTS that RDKit reads, of at most {_LONGEST:,} characters; "
                f"got {shown(text)}. Example: c1ccccc1."
            )
        bits = BitVectToBinaryText(Chem.PatternFingerprint(query, fpSize=BITS))

    def is_in(smiles: str) -> bool:
        molecule = parse(smiles)
        return molecule is not None and molecule.HasSubstructMatch(query)

    return Pattern(kind="pattern", bits=bits, is_in=is_in)


def _query(text: str) -> Chem.Mol | None:
    if not text or len(text) > _LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        return None
    molecule = None if "[" in text or "*" in text else parse(text)
    return Chem.MolFromSmarts(text) if molecule is None else molecule


@cache
def _generator() -> FingerprintGenerator64:
    return GetMorganGenerator(radius=_RADIUS, fpSize=BITS)
