"""Reviewers of molecules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from rdkit.Chem import Mol
from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

from genwright.errors import OptionError
from genwright.samples import Review
from genwright_molecules.molecule import flaw, parse

__all__ = ["StructuralAlerts"]


@final
class StructuralAlerts:
    """Fails molecules that hold a group which assays or safety advise against, and names each group.

    pains: groups that interfere with assays. Source: Baell and Holloway (2010), doi:10.1021/jm901137j
    brenk: toxic, reactive or unstable groups. Source: Brenk et al. (2008), doi:10.1002/cmdc.200700139
    nih:   groups that the NIH's screening library leaves out. Source: Jadhav et al. (2010), doi:10.1021/jm901070c
    """

    def __init__(self, *, pains: bool = True, brenk: bool = True, nih: bool = False) -> None:
        catalogs = FilterCatalogParams.FilterCatalogs
        chosen = [c for c, on in ((catalogs.PAINS, pains), (catalogs.BRENK, brenk), (catalogs.NIH, nih)) if on]
        if not chosen:
            raise OptionError("reviewer 'alerts' needs one of pains, brenk and nih; got none. Turn one on.")
        parameters = FilterCatalogParams()
        for catalog in chosen:
            parameters.AddCatalog(catalog)
        self._catalog = FilterCatalog(parameters)

    def __call__(self, items: Sequence[str]) -> list[Review]:
        """Return a review of each molecule; an invalid one does not pass."""
        return [self._review(item) for item in items]

    def _review(self, item: str) -> Review:
        molecule = parse(item)
        reason = flaw(item) if molecule is None else self._alerts(molecule)
        return Review(reviewer="alerts", passed=not reason, reason=reason or "")

    def _alerts(self, molecule: Mol) -> str:
        """Return the names of the alerts with their sets: "catechol_A(92) (PAINS_A), nitro_group (Brenk)"."""
        return ", ".join(f"{m.GetDescription()} ({m.GetProp('FilterSet')})" for m in self._catalog.GetMatches(molecule))
