from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.cases import stacked
from benchmarks.row import Row
from benchmarks.setting import Setting
from genwright.recipe import Recipe, use
from genwright_images.classifier import Classifier
from genwright_images.stacked import stacks
from genwright_images.thumbnails import thumbnails

MODES, DIVERGENCE = (
    "images/stacked: modes found, of 1,000",
    "images/stacked: divergence (Kullback-Leibler) of its modes from a thousand that are equally frequent",
)


def measured(tmp_path: Path) -> dict[str, Row]:
    setting = Setting(model="families", quick=True, samples=16, scratch=tmp_path)
    return {row.name: row for row in stacked.rows(setting)}


@pytest.fixture
def trained(learn: Callable[[str, Recipe], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A model of stacked digits, and few steps for what tells them apart."""
    recipe = Recipe(
        domain="images",
        data="stacked-mnist",
        encoder=use("pixels"),
        family=use("gan", latent=4),
        backbone=use("conv", width=4, multipliers=(1, 2)),
    )
    learn("images/stacked", recipe)
    learned = Classifier.trained
    monkeypatch.setattr(Classifier, "trained", lambda pixels, classes: learned(pixels, classes, steps=60))


def test_all_modes_alike_are_no_distance_away_and_one_alone_is_the_most() -> None:
    every = [f"{number:03}" for number in range(1_000)]
    assert stacked.measured(every) == (1_000, pytest.approx(0.0, abs=1e-12))
    assert stacked.measured(every[:250] * 2) == (250, pytest.approx(math.log(4)))
    assert stacked.measured(["407"] * 9) == (1, pytest.approx(math.log(1_000)))


def test_a_mode_is_what_the_classifier_sees_in_red_green_and_blue(trained: None) -> None:
    digits = stacked._digits("mnist", 30)
    classifier = Classifier.trained(thumbnails(digits), stacked._classes(digits))
    images = list(stacks(digits, 40))
    assert stacked.modes(images, classifier) == [image.info["class"] for image in images]
    assert stacked.modes([digits[4]], classifier) == ["444"]


def test_samples_are_counted_beside_real_images(trained: None, tmp_path: Path) -> None:
    found = measured(tmp_path)
    assert list(found) == [MODES, DIVERGENCE]
    assert 1 <= (found[MODES].value or 0) <= 500
    assert found[MODES].peers["real images"] > 350
    assert found[MODES].peers["R3GAN, published"] == 1_000
    assert found[MODES].note == "500 samples. The classifier tells 100.0% of MNIST's test digits."
    assert found[DIVERGENCE].peers["real images"] < (found[DIVERGENCE].value or 0)
    assert found[DIVERGENCE].note == "By chance alone, 500 draws of equally frequent modes have 0.999."


def test_a_full_run_is_to_find_all_of_them(trained: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Setting, "scaled", lambda self, full, quick: quick)
    rows = stacked.rows(Setting(model="families", quick=False, samples=16, scratch=tmp_path))
    assert [row.verdict for row in rows] == ["FAIL", ""]


def test_a_model_that_is_not_there_is_told(mnist: object, tmp_path: Path) -> None:
    (row,) = measured(tmp_path).values()
    assert (row.value, row.note) == (None, "There is no such model yet.")


def test_data_that_are_not_here_are_told(trained: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR")
    (row,) = measured(tmp_path).values()
    assert "'mnist' is not on this machine" in row.note


@pytest.mark.filterwarnings("ignore::genwright.tally.Unreadable")
def test_labels_that_are_not_here_are_told(trained: None, tmp_path: Path) -> None:
    (tmp_path / "mirror" / "t10k-labels-idx1-ubyte").unlink()
    (row,) = measured(tmp_path).values()
    assert row.note == "The labels of data set 'mnist-test' do not lie beside it."
