"""The domain of small molecules, written as SMILES."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import numpy as np
from rdkit import Chem
from rdkit.rdBase import BlockLogs

from genwright.domain import Difference, Domain, Offer, Pattern, Prefix, Scalar
from genwright.errors import ConditionError
from genwright_molecules import molecule, readers, writers

__all__ = ["MoleculesDomain"]

_CONDITIONS: Mapping[str, Offer] = MappingProxyType(
    {
        "logP": Scalar(summary="Partition between octanol and water, by Crippen's method.", low=-10.0, high=15.0),
        "QED": Scalar(summary="Quantitative estimate of drug-likeness; 1 is the most drug-like.", low=0.0, high=1.0),
        "TPSA": Scalar(summary="Topological polar surface area.", low=0.0, high=500.0, unit="Å²"),
        "SA": Scalar(summary="Synthetic accessibility; 1 is easy to make, 10 hard.", low=1.0, high=10.0),
        "weight": Scalar(summary="Molecular weight, averaged over isotopes.", low=1.0, high=2000.0, unit="g/mol"),
        "prefix": Prefix(
            summary="The start of the text that the model writes, SMILES or SELFIES; the rest is generated."
        ),
    }
)


@final
class MoleculesDomain(Domain[str]):
    """Small organic molecules; an item is a SMILES string."""

    name = "molecules"
    conditions = _CONDITIONS
    pictures = (".svg", ".png", ".html")

    def read(self, path: Path, *, strict: bool = False) -> Iterator[str]:
        """Yield the SMILES of .smi, .csv and .sdf files, compressed or not; see `readers.read`."""
        return readers.read(path, strict)

    def write(self, items: Iterable[str], path: Path) -> None:
        """Write SMILES to a new .smi, .csv or .sdf file; see `writers.write`."""
        writers.write(items, Path(path))

    def export(self, samples: Iterable[tuple[str, Mapping[str, str]]], path: Path) -> bool:
        """Write SMILES with the origin of each as far as .smi and .sdf have room for it; see `writers.export`."""
        return writers.export(samples, Path(path))

    def check(self, item: str) -> str | None:
        """Return what keeps RDKit from reading a SMILES, with the position or atom, or None if it reads it."""
        return molecule.flaw(item)

    def title(self, item: str) -> str:
        """Return the SMILES as it stands."""
        return item

    def canonical(self, item: str) -> str | None:
        """Return RDKit's canonical SMILES, which keeps isotopes and stereo marks."""
        parsed = molecule.parse(item)
        return None if parsed is None else Chem.MolToSmiles(parsed)

    def identity(self, item: str) -> str | None:
        """Return the standard InChIKey; None where InChI has none, as for attachment points and above 1,024 atoms."""
        parsed = molecule.parse(item)
        if parsed is None:
            return None
        with BlockLogs():
            return Chem.MolToInchiKey(parsed) or None  # type: ignore[no-untyped-call]

    def measure(self, items: Sequence[str], names: Sequence[str]) -> np.ndarray:
        """Return properties of molecules, one column a name; NaN for invalid ones. They are kept in the user's cache.

        Raises ConditionError for a name that is no scalar condition.
        """
        for name in names:
            if not isinstance(self.conditions.get(name), Scalar):
                scalars = ", ".join(n for n, offer in self.conditions.items() if isinstance(offer, Scalar))
                raise ConditionError(f"molecules are measured by {scalars}; got {name!r}. Choose among these.")
        from genwright_molecules.properties import measure
        from genwright_molecules.scores import ScoreCache

        return measure(items, names, cache=ScoreCache())

    def gather(self, items: Sequence[str]) -> Any:
        """Return a `molecules.Molecules` of the items."""
        from genwright_molecules.molecules import Molecules

        return Molecules(items)

    def reference(self, items: Sequence[str]) -> Any:
        """Return a `reference.Reference` of the items, whose parts are kept in the user's cache."""
        from genwright_molecules.reference import Reference

        return Reference(items)

    def fingerprints(self, items: Sequence[str]) -> Mapping[str, Sequence[bytes | None]]:
        """Return Morgan fingerprints of radius 2 and those of patterns, of 2,048 bits each; None for invalid ones."""
        from genwright_molecules.parallel import mapped
        from genwright_molecules.screening import screens

        found = mapped(screens, items)
        kinds = enumerate(("morgan", "pattern"))
        return {kind: [None if both is None else both[place] for both in found] for place, kind in kinds}

    def pattern(self, text: str) -> Pattern[str]:
        """Return the substructure that SMILES or SMARTS describe; see `screening.pattern`."""
        from genwright_molecules.screening import pattern

        return pattern(text)

    def to_bytes(self, item: str) -> bytes:
        """Return the SMILES in UTF-8."""
        return item.encode("utf-8", "surrogatepass")

    def from_bytes(self, data: bytes) -> str:
        """Return the SMILES from UTF-8."""
        return data.decode("utf-8", "surrogatepass")

    def difference(self, ours: str, theirs: str) -> Difference | None:
        """Return how unlike two molecules are, 1 less their Tanimoto similarity; None where one cannot be read.

        They are close if they are the same molecule in another spelling.
        """
        from genwright_molecules.fingerprints import fingerprint, nearest_similarities

        one, other = molecule.parse(ours), molecule.parse(theirs)
        if one is None or other is None:
            return None
        bits = fingerprint(one)[None], fingerprint(other)[None]
        same = Chem.MolToSmiles(one) == Chem.MolToSmiles(other)
        apart = 0.0 if same else 1.0 - float(nearest_similarities(*bits)[0])
        spelled = Difference.of_texts(ours, theirs)
        return replace(spelled, size=apart, unit="in Tanimoto distance", close=same)

    def render(self, items: Sequence[str], path: Path, *, legends: Sequence[str] = ()) -> None:
        """Draw molecules to a new .svg or .png file, or as a page to .html; see `rendering.draw`."""
        from genwright_molecules.rendering import draw

        draw(items, Path(path), legends=legends)
