"""Molecules as RDKit reads them from SMILES, and what keeps it from reading one."""

from __future__ import annotations

import functools
import re

import partialsmiles
from rdkit import Chem
from rdkit.rdBase import BlockLogs

__all__ = ["LONGEST", "flaw", "parse", "refusal"]

LONGEST = 10_000
"""The longest SMILES that is read; one of 2,000 small rings takes RDKit 1 to 3 s, one of 4,000 takes 17 s."""

_SPACE = re.compile(r"\s|\0")


@functools.lru_cache(maxsize=4096)
def parse(smiles: str) -> Chem.Mol | None:
    """Return the molecule of a SMILES, or None if it has a flaw. The last 4,096 are kept; do not change them."""
    if not smiles or len(smiles) > LONGEST or not smiles.isascii() or _SPACE.search(smiles):
        return None
    with BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    return molecule if molecule is not None and molecule.GetNumAtoms() else None


def flaw(smiles: str) -> str | None:
    """Return why a SMILES is no molecule, in one sentence, or None if it is one."""
    if parse(smiles) is not None:
        return None
    return _text_flaw(smiles) or _chemical_flaw(smiles) or _syntax_flaw(smiles)


def _text_flaw(smiles: str) -> str | None:
    if not smiles:
        return "It is empty."
    if len(smiles) > LONGEST:
        return f"It has {len(smiles):,} characters, over the limit of {LONGEST:,}."
    for position, character in enumerate(smiles, start=1):
        if not character.isascii() or not character.isprintable() or character == " ":
            return f"Character {position}, {character!r}, has no place in a SMILES."
    return None


def _chemical_flaw(smiles: str) -> str | None:
    """Return what RDKit finds wrong with atoms and bonds that it could read."""
    with BlockLogs():
        molecule = Chem.MolFromSmiles(smiles, sanitize=False)
        try:
            problems = Chem.DetectChemistryProblems(molecule) if molecule is not None else ()
        except RuntimeError:
            # An invariant of RDKit breaks where an atom has 128 to 255 bonds.
            return "An atom has more bonds than RDKit can count."
    if molecule is not None and not molecule.GetNumAtoms():
        return "It holds no atom."
    return _sentence(problems[0].Message()) if problems else None


def _syntax_flaw(smiles: str) -> str:
    # RDKit tells the position in its log alone; reading that would mean to redirect the log of the whole process.
    try:
        partialsmiles.ParseSmiles(smiles)
    except partialsmiles.Error as error:
        return f"Character {min(error.idx, len(smiles) - 1) + 1}: {_sentence(error.message)}"
    except IndexError:
        # partialsmiles 2.0 reads past the end of some unfinished texts, such as "C%1".
        return f"Character {len(smiles)}: The text ends too early."
    return "RDKit cannot read it as SMILES."


def _sentence(message: str) -> str:
    line = " ".join(message.split()).rstrip(".")
    return f"{line}."


@functools.lru_cache(maxsize=1 << 16)
def refusal(text: str) -> str | None:
    """Return why no molecule starts with a text, or None if one may. The last 65,536 answers are kept."""
    try:
        partialsmiles.ParseSmiles(text, partial=True)
    except partialsmiles.Error as error:
        return f"{error.message}, at character {error.idx + 1}."
    except (IndexError, KeyError):
        # What partialsmiles 2.0 raises on some texts that no writer of SMILES makes.
        return "It cannot be read."
    return None
