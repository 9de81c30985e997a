from __future__ import annotations

import math

import numpy as np
import pytest

from genwright.metrics import Value
from genwright_molecules.metrics import METRICS, Unique, Wasserstein, internal_diversity, novel, valid
from genwright_molecules.molecules import Molecules
from genwright_molecules.reference import Reference

COMPARING = {"novel", "SNN", "Frag", "Scaf", "FCD", "logP", "SA", "QED", "weight"}


@pytest.fixture(scope="module")
def everything(nci: list[str]) -> Molecules:
    return Molecules(nci[:300])


@pytest.fixture(scope="module")
def reference(nci: list[str], tmp_path_factory: pytest.TempPathFactory) -> Reference:
    return Reference(nci[300:500], folder=tmp_path_factory.mktemp("references"))


@pytest.fixture(scope="module")
def samples(nci: list[str]) -> Molecules:
    return Molecules(nci[:100])


def measured(name: str, samples: Molecules, reference: Reference | None = None) -> Value:
    value = METRICS[name](samples, reference)
    assert value is not None
    return value


@pytest.mark.parametrize(
    ("name", "expected"),
    [("SNN", 1.0), ("Frag", 1.0), ("Scaf", 1.0), ("FCD", 0.0), ("novel", 0.0)]
    + [(name, 0.0) for name in ("logP", "SA", "QED", "weight")],
)
def test_a_set_is_like_itself(samples: Molecules, name: str, expected: float) -> None:
    value = measured(name, samples, Reference(samples.smiles))
    assert value.value == pytest.approx(expected, abs=1e-4)
    assert value.count == (len(set(samples.canonical)) if name == "novel" else 100)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_that_compares_says_nothing_without_a_reference(samples: Molecules, name: str) -> None:
    assert (METRICS[name](samples, None) is None) == (name in COMPARING)


@pytest.mark.parametrize("name", METRICS)
def test_nothing_valid_has_no_value_and_is_no_error(name: str) -> None:
    value = measured(name, Molecules([]), Reference(["CCO", "CCN", "c1ccc2ccccc2c1"]))
    assert math.isnan(value.value)
    assert value.error is None
    assert value.count == 0


@pytest.mark.parametrize(
    ("smiles", "without"),
    [([], {"novel", "SNN", "Frag", "Scaf", "FCD", "logP", "SA", "QED", "weight"}), (["CCO"], {"FCD", "Scaf"})],
)
def test_a_reference_too_small_has_no_value_and_is_no_error(smiles: list[str], without: set[str]) -> None:
    reference = Reference([*smiles, "C1CC"])
    samples = Molecules(["CCO", "CCN", "CCC"])
    assert {name for name in COMPARING if math.isnan(measured(name, samples, reference).value)} == without


def test_validity_counts_all_samples() -> None:
    value = valid(Molecules(["CCO", "C1CC", "", "CCN"]))
    assert (value.value, value.count) == (0.5, 4)


def test_uniqueness_is_of_the_first_valid_ones_in_one_spelling() -> None:
    samples = Molecules(["CCO", "C1CC", "OCC", "CCN", "CCC"])
    assert Unique(2)(samples).value == 0.5
    assert Unique(3)(samples).value == pytest.approx(2 / 3)
    assert Unique(1_000)(samples) == Value(value=0.75, error=Unique(1_000)(samples).error, count=4)


def test_novelty_is_of_distinct_molecules() -> None:
    value = novel(Molecules(["CCO", "OCC", "CCN", "CCC", "C1CC"]), Reference(["CCO", "C(C)C"]))
    assert value is not None
    assert value.value == pytest.approx(1 / 3)
    assert value.count == 3


def test_one_molecule_has_no_diversity() -> None:
    assert internal_diversity(Molecules(["CCO"])).value == 0.0
    assert measured("IntDiv2", Molecules(["CCO"])).value == 0.0


def test_two_unlike_molecules_have_the_known_diversity() -> None:
    """Pairs have similarities 1, 0, 0, 1: their mean is 1/2, and so is each mean square."""
    samples = Molecules(["CCO", "C"])
    assert measured("IntDiv", samples).value == pytest.approx(0.5)
    assert measured("IntDiv2", samples).value == pytest.approx(1 - math.sqrt(0.5))


def test_filters_count_those_that_pass() -> None:
    assert measured("filters", Molecules(["CCO", "CCCl", "CC=O", "C1CC"])).value == pytest.approx(1 / 3)


def test_the_distance_of_weights_is_their_shift() -> None:
    value = Wasserstein("weight")(Molecules(["CCO", "CCCO"]), Reference(["CO", "CCO"]))
    assert value is not None
    assert value.value == pytest.approx(14.027)
    assert value.error is None


def test_disjoint_sets_have_nothing_in_common() -> None:
    samples, reference = Molecules(["c1ccc2ccccc2c1"]), Reference(["C1CCC2CCCCC2C1"])
    assert measured("Frag", samples, reference).value == 0.0
    assert measured("Scaf", samples, reference).value == 0.0


@pytest.mark.parametrize("name", ["unique@1k", "IntDiv", "IntDiv2", "Frag", "Scaf", "QED", "weight"])
def test_the_error_is_how_much_samples_differ_or_somewhat_more(
    everything: Molecules, reference: Reference, name: str
) -> None:
    """The error said of one sample of 150 against the spread over sixty, drawn with replacement."""
    draws = np.random.default_rng(5).integers(len(everything.canonical), size=(60, 150))
    values = [measured(name, _drawn(everything, draw), reference) for draw in draws]
    spread = np.std([value.value for value in values], ddof=1)
    said = np.mean([value.error for value in values if value.error is not None])
    assert 0.8 * spread < said < 1.6 * spread


def _drawn(molecules: Molecules, rows: np.ndarray) -> Molecules:
    """Return a sample with what was computed of the whole already."""
    drawn = Molecules([molecules.smiles[row] for row in rows])
    drawn.__dict__["_parsed"] = [molecules._parsed[row] for row in rows]
    drawn.__dict__["fingerprints"] = molecules.fingerprints[rows]
    drawn.__dict__["fragments"] = tuple(molecules.fragments[row] for row in rows)
    drawn.__dict__["scaffolds"] = tuple(molecules.scaffolds[row] for row in rows)
    drawn.__dict__["properties"] = {name: values[rows] for name, values in molecules.properties.items()}
    return drawn
