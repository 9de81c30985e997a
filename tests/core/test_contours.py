from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import genwright as gw
from genwright import contours
from genwright.domain import Contour, Offer
from genwright.errors import ConditionError, MismatchError, RecipeError
from genwright.generation import Generation
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.recipe import use
from genwright.registry import Registry
from genwright.space import ConditionSpace
from genwright.testing.toys import ROUNDS, Letters, Rounds, toy_recipe, toy_registry

ABCD, INF = "abcd", float(torch.finfo().max)
SPACE = ConditionSpace(contours={"heights": (1.5, 1.0), "depths": (0.0, 1.0)}, places=1.0)


def heights(item: str) -> list[float]:
    return [float(ABCD.index(letter)) for letter in item]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, trained_rounds: Callable[..., Path], rounds_file: Path) -> Path:
    """A model of rounds that follows their heights, which tell all there is of one."""
    recipe = toy_recipe(
        rounds_file,
        backbone=use("wavenet", width=32, skip=32, depth=3, cycle=3),
        conditions=("letters", "heights"),
        steps=200,
        drop=0.3,
    )
    return trained_rounds(recipe, tmp_path_factory.mktemp("models") / "heights")


@pytest.fixture
def model(folder: Path, toys: Registry) -> Model[str]:
    return Model.load(folder, toys)


@pytest.mark.parametrize("wanted", ["abcda", "bc", "cdabcdab"])
def test_samples_follow_what_is_asked_of_each_moment_and_end_where_it_ends(model: Model[str], wanted: str) -> None:
    drawn = gw.generate(model, 48, seed=3, where={"heights": heights(wanted)}, store=False)
    assert drawn.items.count(wanted) >= 44


def test_where_nothing_is_asked_samples_are_as_they_like(model: Model[str]) -> None:
    drawn = gw.generate(model, 64, seed=3, store=False)
    assert len(set(drawn.items) & set(ROUNDS)) > 15


def test_the_card_says_what_was_learned_and_a_model_comes_back_from_it(model: Model[str]) -> None:
    every = np.concatenate([heights(item) for item in ROUNDS])
    assert model.checkpoint is not None
    ((name, mean, deviation, places),) = model.checkpoint.card["conditions"]["contours"]
    assert (name, places) == ("heights", 1.0)
    assert (mean, deviation) == pytest.approx((every.mean(), every.std()))
    assert model.conditions.names == ["letters", "heights"]


def test_a_run_has_the_numbers_and_is_replayed_from_them(model: Model[str], store: MemoryStore) -> None:
    asked = {"heights": np.array([0.0, 1.0, 2.0], dtype=np.float32)}
    drawn = gw.generate(model, 40, seed=3, where=asked, store=store)
    assert drawn.run.config["where"] == {"heights": [0.0, 1.0, 2.0]}
    assert {verdict.outcome for verdict in gw.replay(store=store)} == {"identical"}
    again = gw.generate(model, 40, seed=3, where={"heights": [0, 1, 2]}, store=False, rows=16, batch_size=7)
    assert again.items == drawn.items


def test_a_sample_does_not_depend_on_what_is_drawn_beside_it(model: Model[str]) -> None:
    given: dict[str, Any] = {"where": {"heights": [1.0, 2.0]}, "seed": 3, "rows": 16, "registry": toy_registry()}
    generation = Generation(model=model, sampler=use("temperature", temperature=5.0), **given)
    whole = list(generation.items(range(100)))
    assert len(set(whole)) > 10
    assert [next(generation.items([index])) for index in (0, 17, 99)] == [whole[index] for index in (0, 17, 99)]


def test_guidance_follows_a_contour(model: Model[str]) -> None:
    sampler = use("guided", scale=3.0)
    drawn = gw.generate(model, 32, seed=3, where={"heights": heights("bcd")}, sampler=sampler, store=False)
    assert drawn.items.count("bcd") >= 30


def test_items_are_scored_by_what_they_are_known_to_follow(model: Model[str]) -> None:
    right = gw.score(model, ["cda"], where={"heights": heights("cda")}).nats[0]
    wrong = gw.score(model, ["cda"], where={"heights": heights("abc")}).nats[0]
    assert right > -0.5
    assert wrong < -5


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([0.0] * 9, r"condition 'heights' takes at most 8 numbers; got 9. Shorten it."),
        ("abc", r"condition 'heights' takes a list of numbers, one every 0.5 s; got 'abc'"),
        ([0.0, float("nan")], r"condition 'heights\[1\]' takes 0 to 3; got nan. Choose a value in this range."),
    ],
)
def test_what_is_no_contour_is_refused_before_anything_is_drawn(
    model: Model[str], asked: object, message: str, store: MemoryStore
) -> None:
    with pytest.raises(ConditionError, match=message):
        gw.generate(model, 4, where={"heights": asked}, store=store)
    assert list(store.runs()) == []


def untrained(registry: Registry, *, length: int = 8, places: float = 1.0, deviation: float = 1.0) -> Model[str]:
    encoder = Letters(length=length)
    encoder.fit(ROUNDS)
    recipe = toy_recipe("none", backbone=use("wavenet", width=32, skip=32, depth=1))
    return Model.new(recipe, encoder, ConditionSpace(contours={"heights": (1.5, deviation)}, places=places), registry)


def test_what_is_longer_than_the_longest_sample_is_refused(toys: Registry) -> None:
    model = untrained(toys, length=3, places=2.0)
    assert model.condition({"heights": [1, 2]}).contours is not None
    with pytest.raises(ConditionError) as caught:
        model.condition({"heights": [1, 2, 3]})
    assert str(caught.value) == (
        "condition 'heights' takes up to 2 numbers of this model, whose longest sample has no more; got 3. Shorten it."
    )


def test_what_is_far_from_what_was_learned_is_warned_of(toys: Registry) -> None:
    model = untrained(toys, deviation=0.2)
    with pytest.warns(UserWarning, match=r"^condition 'heights' asks for 3; this model learned 1\.5 ± 0\.2, so"):
        found = model.condition({"heights": [1.0, 3.0]}).contours
    assert found is not None
    assert torch.equal(found, torch.tensor([[[1.0, 3.0, *[torch.inf] * 6]]]))


def test_a_contour_that_was_not_learned_is_refused(toy_model: Model[str]) -> None:
    with pytest.raises(ConditionError, match=r"'heights' is offered by rounds, but this model learned letters"):
        toy_model.condition({"heights": [1.0]})


def test_a_network_that_is_told_of_a_sample_as_a_whole_is_refused_before_data_are_read(
    toys: Registry, tmp_path: Path
) -> None:
    recipe = toy_recipe("nowhere.txt", conditions=("letters", "heights"))
    with pytest.raises(MismatchError) as caught:
        gw.train(recipe, folder=tmp_path / "m", store=False, device="cpu")
    assert str(caught.value) == (
        "backbone 'transformer' is told of a sample as a whole, and cannot follow heights from moment to moment. "
        "Backbones that can: wavenet."
    )


class Unpaced(Letters):
    """Letters that are no moments."""

    pace = 0.0


class Uneven(Rounds):
    """Rounds with contours of two rates."""

    conditions: ClassVar[Mapping[str, Offer]] = {
        **Rounds.conditions,
        "depths": Contour(summary="how far down", low=0, high=3, rate=4, longest=8),
    }


def test_places_are_those_of_a_second_over_the_values_of_one() -> None:
    assert contours.places(Rounds(), Letters(), ["heights"]) == 1.0
    assert contours.places(Rounds(), Unpaced(), []) == 0.0


def test_an_encoder_whose_places_are_no_moments_is_refused() -> None:
    with pytest.raises(MismatchError) as caught:
        contours.places(Rounds(), Unpaced(), ["heights"])
    assert str(caught.value) == (
        "what follows heights has a place for each moment; the places of what the encoder Unpaced gives are none. "
        "Choose another, such as 'mu-law' for sounds."
    )


def test_contours_of_one_model_have_one_rate() -> None:
    with pytest.raises(RecipeError) as caught:
        contours.places(Uneven(), Letters(), ["heights", "depths"])
    assert str(caught.value) == (
        "the contours of one model have as many values a second; got heights with 2, depths with 4. "
        "Choose some of one rate."
    )


def test_series_are_filled_up_and_cut_to_the_length_of_the_space() -> None:
    series = {"depths": [np.float64([1, 2, 3]), None, np.float64([4])]}
    found = contours.laid(series, SPACE, count=2, rows=3)
    assert found is not None
    assert found.shape == (3, 2, 2)
    assert found[:, 0].isnan().all()
    assert found[:, 1].nan_to_num(-1).tolist() == [[1, 2], [-1, -1], [4, INF]]
    assert contours.laid({}, ConditionSpace(), count=0, rows=3) is None


def test_the_scale_is_of_all_values_of_what_is_kept() -> None:
    series = [np.float64([1, 3]), np.float64([50]), None, np.float64([8])]
    mean, deviation = contours.scale(series, [True, False, False, True])
    assert (mean, deviation) == pytest.approx((4.0, np.std([1, 3, 8])))
    assert contours.scale([None], [False]) == (0.0, 1.0)
    assert contours.scale([np.float64([2, 2])], [True]) == (2.0, 1.0)


def test_domains_and_encoders_are_told_what_is_asked_of_a_sample_as_a_whole() -> None:
    assert contours.without({"letters": 3.0, "first": "a", "heights": [1.0]}) == {"letters": 3.0, "first": "a"}
