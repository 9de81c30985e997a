from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.cases import bits
from benchmarks.row import Row, at_most
from benchmarks.setting import Setting
from genwright.library import find
from genwright.likelihoods import likelihoods
from genwright.model import Model
from genwright.recipe import Recipe, use
from genwright.registry import Registry

RECIPE = Recipe(
    domain="images",
    data="binary-mnist",
    encoder=use("levels", levels=2),
    family=use("autoregressive"),
    backbone=use("pixelcnn", width=8, depth=1),
)


@pytest.fixture(autouse=True)
def _another_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """That which ships knows digits of another size."""
    monkeypatch.setattr(bits, "_MODEL", "images/few")


def measured(tmp_path: Path, *, quick: bool = True) -> Row:
    (row,) = bits.rows(Setting(model="families", quick=quick, samples=16, scratch=tmp_path))
    return row


def test_nats_are_those_of_the_test_set_in_black_and_white(
    learn: Callable[[str, Recipe], None], mnist: Registry, tmp_path: Path
) -> None:
    learn("images/few", RECIPE)
    model = Model.load(find("images/few", mnist), mnist)
    test = list(mnist.get("dataset", "binary-mnist-test").load()(tmp_path / "mirror" / "t10k-images-idx3-ubyte"))
    exact = likelihoods(model, test, mnist, where={}, seed=7)
    row = measured(tmp_path)
    assert row.name == "images/few: nats an image of MNIST in black and white (exact)"
    assert row.value == pytest.approx(-exact.mean_nats.value)
    assert row.peers["PixelCNN, published"] == 81.30
    assert row.note.startswith("Of 30 test images. ")
    assert (row.target, measured(tmp_path, quick=False).target) == (None, at_most(81.3))


def test_a_model_that_is_not_there_is_told(mnist: Registry, tmp_path: Path) -> None:
    row = measured(tmp_path)
    assert (row.value, row.note) == (None, "There is no such model yet.")


def test_data_that_are_not_here_are_told(
    learn: Callable[[str, Recipe], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learn("images/few", RECIPE)
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR")
    assert "'binary-mnist-test' is not on this machine" in measured(tmp_path).note
