"""The models that ship draw what they say, and their samples are drawn again alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from genwright.generation import Generation, suited
from genwright.model import Model
from genwright.recipe import Recipe, use
from genwright.registry import Registry, registry
from genwright.specs import ModelSpec
from genwright_images import plugin

SPECS = {spec.name: spec for spec in plugin.register_models()}
WHERE: Mapping[str, Mapping[str, str]] = {
    "images/emoji": {"caption": "red heart"},
    "images/emoji-vae": {},
    "images/digits": {},
}
LARGEST = 8 * 2**20
RECIPES = Path(__file__).parents[3] / "recipes"


def generation(spec: ModelSpec, model: Model[Any], known: Registry) -> Generation[Any]:
    where = WHERE.get(spec.name, {"class": "sneaker"})
    return Generation(model=model, sampler=suited(model, known), where=where, seed=7, rows=16, registry=known)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_model_draws_images_of_its_size_that_are_drawn_again_alone(spec: ModelSpec) -> None:
    known = registry()
    model: Model[Any] = Model.load(spec.folder, known)
    made, size = generation(spec, model, known), (32, 32) if "emoji" in spec.name else (28, 28)
    # One batch for pixels, of which each is a call; elsewhere two and a part of a third.
    count = 16 if spec.name in ("images/fashion-pixels", "images/digits") else 40
    items = list(made.items(range(count)))
    assert [item.size for item in items] == [size] * count
    assert [model.domain.check(item) for item in items] == [None] * count
    again = list(made.items([11, 3]))
    assert [item.tobytes() for item in again] == [items[11].tobytes(), items[3].tobytes()]
    assert len({item.tobytes() for item in items}) == count


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_model_is_small_and_has_its_recipe_its_log_and_its_page(spec: ModelSpec) -> None:
    sizes = {path.name: path.stat().st_size for path in spec.folder.iterdir()}
    assert sizes.keys() == {"README.md", "card.json", "training.log", "weights.safetensors"}
    assert sizes["weights.safetensors"] <= LARGEST
    recipe = Recipe.read(RECIPES / f"{spec.name.replace('/', '-')}.toml")
    trained = Model.load(spec.folder, registry()).recipe
    # The card states the digests of the data and of the model it starts from, in the place of names.
    stated = {"data_sha256", "start"}
    one, other = ({k: v for k, v in r.to_json().items() if k not in stated} for r in (recipe, trained))
    assert one == other
    assert bool(recipe.start) == bool(trained.start)


def test_one_model_is_drawn_from_where_only_the_domain_is_named() -> None:
    assert [spec.name for spec in SPECS.values() if spec.default] == ["images/fashion"]


def test_classes_look_unlike_each_other() -> None:
    """Trousers are upright and ankle boots are not; by their mean images, to keep chance out."""
    known = registry()
    model: Model[Any] = Model.load(SPECS["images/fashion"].folder, known)

    def mean(name: str) -> torch.Tensor:
        made = Generation(
            model=model, sampler=suited(model, known), where={"class": name}, seed=3, rows=16, registry=known
        )
        return made.tensors(torch.arange(16)).mean(0)

    trouser, boot = mean("trouser"), mean("ankle boot")
    assert float((trouser - boot).square().mean()) > 0.1


def test_words_that_a_model_did_not_learn_are_warned_of() -> None:
    known = registry()
    model: Model[Any] = Model.load(SPECS["images/emoji"].folder, known)
    with pytest.warns(
        UserWarning, match=r"^condition 'caption' is read up to 16 words .*; not read: qwertyz\. Use other"
    ):
        found = model.condition({"caption": "Red qwertyz heart"})
    assert torch.equal(found.labels, model.condition({"caption": "red heart"}).labels)
    with pytest.warns(UserWarning, match=r"not read: heart\."):
        model.condition({"caption": "red " * 16 + "heart"})


def test_guidance_of_the_student_draws_as_it_was_trained_to() -> None:
    known = registry()
    model: Model[Any] = Model.load(SPECS["images/fashion-student"].folder, known)
    made = Generation(model=model, sampler=use("guided"), where={"class": "bag"}, seed=7, rows=16, registry=known)
    assert made.config()["samplers"] == ["guided@1", "consistency@1"]
