"""What is measured of generated molecules, most of it as in MOSES.

Every metric takes the samples and a reference, and returns a value with its standard error; that of a metric which
compares says how much the value depends on the samples drawn, not on the reference. Where it needs a reference and none
is given it returns None; where samples or the reference are too few for it, its value is NaN. Unless a docstring says
otherwise, it is computed from the valid samples, repeated ones included, as in MOSES.

Source: Polykovskiy et al. (2020), doi:10.3389/fphar.2020.565644; further ones at each metric.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

import numpy as np
from jaxtyping import Float64
from numpy import ndarray
from scipy.stats import wasserstein_distance

from genwright.gaussian import frechet_value
from genwright.metrics import NOTHING, Metric, Value
from genwright.uncertainty import jackknife_error, mean_error, proportion
from genwright_molecules.fingerprints import nearest_similarities
from genwright_molecules.fragments import cosine, cosine_gradient
from genwright_molecules.molecules import COMPARED, Molecules
from genwright_molecules.reference import Reference

__all__ = [
    "METRICS",
    "Unique",
    "Wasserstein",
    "filters",
    "fragment_similarity",
    "frechet_chemnet_distance",
    "internal_diversity",
    "internal_diversity_2",
    "logp_distance",
    "novel",
    "qed_distance",
    "sa_distance",
    "scaffold_similarity",
    "similarity_to_nearest",
    "unique_1k",
    "unique_10k",
    "valid",
    "weight_distance",
]

_GROUPS = 20


def valid(samples: Molecules, reference: Reference | None = None) -> Value:
    """Return the fraction of all samples that RDKit reads as a molecule."""
    return proportion(len(samples.canonical), len(samples.smiles))


@dataclass(frozen=True)
class Unique:
    """The fraction of distinct molecules among the first `first` valid samples, or among all where there are fewer.

    It falls with the number of samples, so it is comparable at equal numbers only.
    """

    first: int

    def __call__(self, samples: Molecules, reference: Reference | None = None) -> Value:
        """Return the fraction."""
        # Each repeated molecule is a rare event of its own, so their number varies like that of failures.
        spellings = samples.canonical[: self.first]
        return proportion(len(set(spellings)), len(spellings))


def novel(samples: Molecules, reference: Reference | None) -> Value | None:
    """Return the fraction of distinct valid samples that are not in the reference.

    Its spec asks for the training set as the reference, with which it is MOSES's novelty; another says little.
    """
    if reference is None:
        return None
    if not reference.canonical:
        return NOTHING
    distinct = frozenset(samples.canonical)
    return proportion(len(distinct - reference.canonical), len(distinct))


def filters(samples: Molecules, reference: Reference | None = None) -> Value:
    """Return the fraction that passes MOSES's medicinal chemistry filters."""
    return proportion(int(samples.passing.sum()), len(samples.passing))


def internal_diversity(samples: Molecules, reference: Reference | None = None) -> Value:
    """Return one minus the mean Tanimoto similarity of all pairs, in 0 to 1; each molecule is also paired with itself.

    Source: Benhenda (2017), arXiv:1708.08227.
    """
    return _diversity(samples.similarities[0], power=1)


def internal_diversity_2(samples: Molecules, reference: Reference | None = None) -> Value:
    """Return one minus the mean over molecules of the root mean square similarity to all, in 0 to 1.

    It falls below `internal_diversity` when many samples are nearly alike.
    """
    return _diversity(samples.similarities[1], power=2)


def similarity_to_nearest(samples: Molecules, reference: Reference | None) -> Value | None:
    """Return the mean Tanimoto similarity of the samples to their nearest neighbour in the reference, in 0 to 1."""
    if reference is None:
        return None
    if not samples.canonical or not len(reference.fingerprints):
        return NOTHING
    nearest = nearest_similarities(samples.fingerprints, reference.fingerprints)
    return Value(value=float(nearest.mean()), error=mean_error(nearest), count=len(nearest))


def fragment_similarity(samples: Molecules, reference: Reference | None) -> Value | None:
    """Return the cosine of the counts of BRICS fragments, in 0 to 1."""
    return None if reference is None else _cosine(samples.fragments, reference.fragments)


def scaffold_similarity(samples: Molecules, reference: Reference | None) -> Value | None:
    """Return the cosine of the counts of Murcko scaffolds of two rings or more, in 0 to 1."""
    return None if reference is None else _cosine(samples.scaffolds, reference.scaffolds)


def frechet_chemnet_distance(samples: Molecules, reference: Reference | None) -> Value | None:
    """Return the Fréchet ChemNet distance, 0 for equal distributions.

    It falls with the number of samples, by about 1 from 2,000 to 30,000: compare at equal numbers only.
    Source: Preuer et al. (2018), doi:10.1021/acs.jcim.8b00234.
    """
    if reference is None:
        return None
    if min(len(samples.canonical), len(reference.fingerprints)) < 2:
        return NOTHING
    return frechet_value(samples.gaussians, reference.gaussian)


@dataclass(frozen=True)
class Wasserstein:
    """The Wasserstein-1 distance of the distributions of a property, in its unit: one of logP, SA, QED, weight."""

    name: str

    def __call__(self, samples: Molecules, reference: Reference | None) -> Value | None:
        """Return the distance."""
        if reference is None:
            return None
        values, others = samples.properties[self.name], np.sort(reference.properties[self.name])
        if not len(values) or not len(others):
            return NOTHING
        error = jackknife_error(_without_groups(values, others)) if len(values) >= 2 * _GROUPS else None
        return Value(value=float(wasserstein_distance(values, others)), error=error, count=len(values))


unique_1k, unique_10k = Unique(1_000), Unique(10_000)
logp_distance, sa_distance, qed_distance, weight_distance = map(Wasserstein, COMPARED)

METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "valid": valid,
        "unique@1k": unique_1k,
        "unique@10k": unique_10k,
        "novel": novel,
        "IntDiv": internal_diversity,
        "IntDiv2": internal_diversity_2,
        "filters": filters,
        "SNN": similarity_to_nearest,
        "Frag": fragment_similarity,
        "Scaf": scaffold_similarity,
        "FCD": frechet_chemnet_distance,
        "logP": logp_distance,
        "SA": sa_distance,
        "QED": qed_distance,
        "weight": weight_distance,
    }
)
"""The metrics by the names under which MOSES published values of them; `genwright evaluate` has names of its own."""


def _diversity(means: Float64[ndarray, " N"], *, power: int) -> Value:
    if not len(means):
        return NOTHING
    roots = means ** (1 / power)
    # A sample takes part as a row and, to first order alike, as a neighbour of every row.
    influence = roots + means / (power * means.mean() ** (1 - 1 / power))
    return Value(value=float(1 - roots.mean()), error=mean_error(influence), count=len(means))


def _cosine(pieces: Sequence[Sequence[str]], reference: Counter[str]) -> Value:
    counts = Counter(chain.from_iterable(pieces))
    # The infinitesimal jackknife: each molecule pulls the cosine along the gradient at its own pieces.
    gradient = cosine_gradient(counts, reference)
    pulls = [sum(gradient[name] for name in found) for found in pieces] if gradient else []
    error = math.sqrt(sum(pull * pull for pull in pulls)) if pulls else None
    return Value(value=cosine(counts, reference), error=error, count=len(pieces))


def _without_groups(values: Float64[ndarray, " N"], others: Float64[ndarray, " M"]) -> list[float]:
    groups = np.arange(len(values)) % _GROUPS
    return [float(wasserstein_distance(values[groups != group], others)) for group in range(_GROUPS)]
