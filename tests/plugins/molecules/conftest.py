from __future__ import annotations

from pathlib import Path

import pytest
from rdkit.RDConfig import RDDataDir

from genwright_molecules.molecule import parse


@pytest.fixture(scope="session")
def nci() -> list[str]:
    """The valid ones of the first 1,200 molecules of the set that comes with RDKit."""
    lines = (Path(RDDataDir) / "NCI" / "first_5K.smi").read_text().splitlines()
    return [smiles for smiles in (line.split()[0] for line in lines[:1_200]) if parse(smiles) is not None]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
