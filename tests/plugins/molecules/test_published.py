"""The metrics against values that the authors of MOSES published with the samples they come from."""

from __future__ import annotations

import csv
import lzma
import os
from pathlib import Path

import pytest

from genwright_molecules.metrics import METRICS
from genwright_molecules.molecules import Molecules
from genwright_molecules.reference import Reference

MIRROR = os.environ.get("GENWRIGHT_DATA_MIRROR")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(MIRROR is None, reason="needs the data mirror; set GENWRIGHT_DATA_MIRROR to its folder"),
]


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(str(MIRROR)) / "molecules"


@pytest.fixture(scope="module")
def samples(folder: Path) -> Molecules:
    with lzma.open(folder / "moses_model_samples_two.csv.xz", "rt", newline="") as lines:
        return Molecules([row["smiles"] for row in csv.DictReader(lines) if row["model"] == "vae"])


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("valid", 0.976567),
        ("unique@1k", 1.0),
        ("unique@10k", 0.9982),
        ("IntDiv", 0.855649),
        ("IntDiv2", 0.849632),
        ("filters", 0.997099),
    ],
)
def test_a_metric_of_the_vae_has_all_published_digits(samples: Molecules, name: str, published: float) -> None:
    value = METRICS[name](samples, None)
    assert value is not None
    assert round(value.value, 6) == published


def test_scaffolds_of_the_vae_have_all_published_digits(samples: Molecules, folder: Path) -> None:
    with lzma.open(folder / "moses_test_scaffolds.smi.xz", "rt") as lines:
        reference = Reference([line.strip() for line in lines])
    value = METRICS["Scaf"](samples, reference)
    assert value is not None
    assert round(value.value, 6) == 0.048529
