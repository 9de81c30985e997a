"""What MOSES publishes of its baselines, of 30,000 samples each, the mean of three runs.

Source: the table in the README of github.com/molecularsets/moses; Polykovskiy et al. (2020),
doi:10.3389/fphar.2020.565644. All were trained on MOSES's own training set, 1,584,663 molecules; what compares does so
with the scaffold test set (TestSF).
"""

from __future__ import annotations

import csv
import lzma
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

__all__ = ["PUBLISHED", "SAMPLES", "char_rnn_samples"]

_MODELS = ("CharRNN", "VAE", "AAE", "JTN-VAE", "LatentGAN", "its training set")
_TABLE: Mapping[str, tuple[float, ...]] = {
    "valid": (0.9748, 0.9767, 0.9368, 1.0, 0.8966, 1.0),
    "unique@10k": (0.9994, 0.9984, 0.9973, 0.9996, 0.9968, 1.0),
    "IntDiv": (0.8562, 0.8558, 0.8557, 0.8551, 0.8565, 0.8567),
    "IntDiv2": (0.8503, 0.8498, 0.8499, 0.8493, 0.8505, 0.8508),
    "filters": (0.9943, 0.997, 0.996, 0.976, 0.9735, 1.0),
    "FCD": (0.5204, 0.5670, 1.0572, 0.9382, 0.8281, 0.4755),
    "SNN": (0.5649, 0.5783, 0.5677, 0.5194, 0.5132, 0.5859),
    "Frag": (0.9983, 0.9984, 0.9905, 0.9947, 0.9972, 0.9986),
    "Scaf": (0.1101, 0.0588, 0.0789, 0.1009, 0.1072, 0.0),
}

PUBLISHED: Mapping[str, Mapping[str, float]] = {
    metric: dict(zip(_MODELS, values, strict=True)) for metric, values in _TABLE.items()
}
"""Each metric's published values by model."""

SAMPLES = "moses_model_samples_two.csv.xz"
"""MOSES's own samples of two of its baselines, as a mirror folder may hold them."""


def char_rnn_samples(mirror: Path, count: int) -> list[str] | None:
    """Return the first SMILES of MOSES's own sample of CharRNN, or None where the mirror does not hold the file."""
    path = next(mirror.rglob(SAMPLES), None)
    if path is None:
        return None
    with lzma.open(path, "rt", newline="") as lines:
        rows = (row["smiles"] for row in csv.DictReader(lines) if row["model"] == "char_rnn")
        return list(islice(rows, count))
