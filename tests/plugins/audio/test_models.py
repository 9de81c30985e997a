"""The models that ship draw what they say, and their samples are drawn again alone."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from genwright.errors import ConditionError, UnknownName
from genwright.generation import Generation, suited
from genwright.model import Model
from genwright.recipe import Recipe
from genwright.registry import registry
from genwright.specs import ModelSpec
from genwright_audio import plugin

SPECS = {spec.name: spec for spec in plugin.register_models()}
LARGEST = 8 * 2**20
RECIPES = Path(__file__).parents[3] / "recipes"
SEVEN = {"digit": "7", "speaker": "theo"}


def generation(name: str, *, rows: int, **where: Any) -> Generation[Any]:
    known = registry()
    model: Model[Any] = Model.load(SPECS[name].folder, known)
    return Generation(model=model, sampler=suited(model, known), where=where, seed=7, rows=rows, registry=known)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_model_is_small_and_has_its_recipe_its_log_and_its_page(spec: ModelSpec) -> None:
    sizes = {path.name: path.stat().st_size for path in spec.folder.iterdir()}
    assert sizes.keys() == {"README.md", "card.json", "training.log", "weights.safetensors"}
    assert sizes["weights.safetensors"] <= LARGEST
    recipe = Recipe.read(RECIPES / f"{spec.name.replace('/', '-')}.toml")
    trained = Model.load(spec.folder, registry()).recipe
    # The card states the digest of the data, in the place of a name.
    one, other = ({k: v for k, v in r.to_json().items() if k != "data_sha256"} for r in (recipe, trained))
    assert one == other


def test_one_model_is_drawn_from_where_only_the_domain_is_named() -> None:
    assert [spec.name for spec in SPECS.values() if spec.default] == ["audio/digits"]


def test_digits_are_clips_of_what_is_asked_for_that_are_drawn_again_alone() -> None:
    made = generation("audio/digits", rows=16, **SEVEN)
    clips = list(made.items(range(4)))
    assert [made.model.domain.check(clip) for clip in clips] == [None] * 4
    assert {(clip.rate, clip.facts["digit"], clip.facts["speaker"]) for clip in clips} == {(8000, "7", "theo")}
    assert all(0.15 < clip.seconds < 1.016 for clip in clips)
    assert next(made.items([2])) == clips[2]
    assert len({clip.wave.tobytes() for clip in clips}) == 4


@pytest.mark.parametrize("name", ["audio/digits", "audio/digits-wavenet"])
def test_what_a_model_did_not_learn_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match=r"no speaker that this model learned named 'bob'\. Known: george, jackson"):
        generation(name, rows=16, speaker="bob")
    with pytest.raises(ConditionError, match=r"condition 'digit' takes one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; got '11'"):
        generation(name, rows=16, digit="11")
    with pytest.raises(ConditionError, match="'seconds' is offered by audio, but this model learned digit, speaker"):
        generation(name, rows=16, seconds=30.0)


def test_the_wavenet_draws_digits_that_are_drawn_again_alone_and_grow_to_what_they_are() -> None:
    made = generation("audio/digits-wavenet", rows=1, **SEVEN)
    clip = next(made.items([3]))
    assert made.model.domain.check(clip) is None
    assert (clip.rate, clip.facts["digit"], clip.facts["speaker"]) == (8000, "7", "theo")
    assert 0.05 < clip.seconds <= 1.0
    stages = list(made.stages(3, size=200))
    assert stages[-1] == clip
    assert all(len(one.wave) < len(other.wave) for one, other in pairwise(stages))
