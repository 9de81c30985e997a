from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import shipped
from benchmarks.setting import Setting
from genwright.recipe import Recipe, use
from genwright.registry import Registry

RECIPE = Recipe(
    domain="images",
    data="mnist",
    encoder=use("pixels"),
    family=use("gan", latent=4),
    backbone=use("conv", width=4, multipliers=(1, 2)),
)


def test_the_usual_model_is_measured_unless_another_is_asked_for() -> None:
    asked = [Setting(model=model, quick=True, samples=1, scratch=Path()) for model in ("families", "images/mine")]
    assert [shipped.name(setting, "images/stacked") for setting in asked] == ["images/stacked", "images/mine"]


def test_a_model_is_found_by_its_name_and_its_data(learn: Callable[[str, Recipe], None]) -> None:
    learn("images/mine", RECIPE)
    assert shipped.model("images/mine", data="mnist").recipe.data == "mnist"
    with pytest.raises(shipped.Missing, match=r"It was trained on mnist, and this is of models of stacked-mnist"):
        shipped.model("images/mine", data="stacked-mnist")


def test_a_model_that_there_is_not_is_told(mnist: Registry) -> None:
    with pytest.raises(shipped.Missing, match=r"There is no such model yet"):
        shipped.model("images/mine", data="mnist")


def test_items_are_read_as_their_data_set_says(mnist: Registry) -> None:
    assert [item.mode for item in shipped.items("stacked-mnist")] == ["RGB"] * 30


def test_data_that_are_not_here_are_told_and_not_fetched(mnist: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR")
    with pytest.raises(shipped.Missing, match=r"'mnist' is not on this machine: set GENWRIGHT_DATA_MIRROR to a folder"):
        shipped.items("mnist")
