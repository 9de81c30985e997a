"""Morgan fingerprints and Tanimoto similarities between large sets, by blocks of matrix products.

Source: Polykovskiy et al. (2020), doi:10.3389/fphar.2020.565644; fingerprints: Rogers and Hahn (2010),
doi:10.1021/ci100050t.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy import ndarray
from rdkit.Chem import Mol
from rdkit.Chem.rdFingerprintGenerator import FingerprintGenerator64, GetMorganGenerator

__all__ = ["BITS", "fingerprint", "mean_similarities", "nearest_similarities"]

BITS, _RADIUS = 1024, 2
# Blocks of 2,048 x 4,096 similarities and their bits take about 60 MB, whatever the sizes of the sets.
_ROWS, _COLUMNS = 2_048, 4_096


def fingerprint(molecule: Mol) -> UInt8[ndarray, " 128"]:
    """Return the 1,024 bits of the Morgan fingerprint of radius 2, eight to a byte."""
    return np.packbits(_generator().GetFingerprintAsNumPy(molecule))


def nearest_similarities(rows: UInt8[ndarray, "N 128"], others: UInt8[ndarray, "M 128"]) -> Float64[ndarray, " N"]:
    """Return each row's highest Tanimoto similarity to any of the others, in 0 to 1; 0 where there are none."""
    best = np.zeros(len(rows))
    for row, _, similarities in _blocks(rows, others):
        np.maximum(best[row], similarities.max(axis=1), out=best[row])
    return best


def mean_similarities(rows: UInt8[ndarray, "N 128"], *, powers: tuple[int, ...] = (1, 2)) -> Float64[ndarray, "P N"]:
    """Return the mean over the set, each row itself included, of each row's Tanimoto similarities to given powers."""
    sums = np.zeros((len(powers), len(rows)))
    # Similarity is symmetric: each block off the diagonal counts for its rows and for its columns.
    for row, column, similarities in _blocks(rows, rows, upper=True):
        for total, power in zip(sums, powers, strict=True):
            raised = similarities if power == 1 else similarities**power
            total[row] += raised.sum(axis=1, dtype=np.float64)
            if column.start != row.start:
                total[column] += raised.sum(axis=0, dtype=np.float64)
    return sums / max(len(rows), 1)


def _blocks(
    rows: UInt8[ndarray, "N 128"], others: UInt8[ndarray, "M 128"], *, upper: bool = False
) -> Iterator[tuple[slice, slice, Float32[ndarray, "n m"]]]:
    """Yield the similarities block by block; with `upper`, square blocks on and above the diagonal only."""
    width = _ROWS if upper else _COLUMNS
    for column in _slices(len(others), width):
        columns = _dense(others[column])
        for row in _slices(column.stop if upper else len(rows), _ROWS):
            yield row, column, _tanimoto(_dense(rows[row]), columns)


def _tanimoto(a: Float32[ndarray, "n 1024"], b: Float32[ndarray, "m 1024"]) -> Float32[ndarray, "n m"]:
    shared: Float32[ndarray, "n m"] = a @ b.T
    union = a.sum(axis=1)[:, None] + b.sum(axis=1)
    union -= shared
    # Two molecules without any bit are alike, as in MOSES.
    shared[union == 0.0] = 1.0
    shared /= np.maximum(union, 1.0, out=union)
    return shared


def _dense(packed: UInt8[ndarray, "n 128"]) -> Float32[ndarray, "n 1024"]:
    return np.unpackbits(packed, axis=1).astype(np.float32)


def _slices(length: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, length)) for start in range(0, length, step)]


@cache
def _generator() -> FingerprintGenerator64:
    return GetMorganGenerator(radius=_RADIUS, fpSize=BITS)
