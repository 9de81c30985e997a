from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from genwright.checkpoint import Checkpoint
from genwright.errors import CheckpointError, ConditionError, UnknownName
from genwright.model import Model, new_encoder
from genwright.recipe import use
from genwright.registry import Registry
from genwright.space import ConditionSpace
from genwright.testing.toys import ROUNDS, toy_recipe, toy_registry


@pytest.fixture
def registry() -> Registry:
    return toy_registry()


@pytest.fixture
def copied(toy_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(toy_folder, tmp_path / "copied")


def fresh(registry: Registry, seed: int = 0) -> Model[str]:
    recipe = toy_recipe("none", seed=seed)
    encoder = new_encoder(recipe, registry)
    encoder.fit(ROUNDS)
    return Model.new(recipe, encoder, ConditionSpace(scalars={"letters": (4.5, 0.6)}), registry)


def test_first_weights_depend_on_the_seed_alone(registry: Registry) -> None:
    torch.manual_seed(1)
    one = fresh(registry).family.state_dict()
    torch.manual_seed(2)
    same, other = fresh(registry).family.state_dict(), fresh(registry, seed=1).family.state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_a_model_comes_back_from_its_checkpoint_in_half_precision(registry: Registry, tmp_path: Path) -> None:
    model = fresh(registry)
    saved = model.save(tmp_path / "m", name="rounds/m", training={"steps": 0})
    loaded = Model.load(saved, registry)
    assert loaded.recipe == model.recipe
    assert loaded.conditions == model.conditions
    assert loaded.encoder.state() == model.encoder.state()
    assert loaded.checkpoint == saved
    for name, value in model.family.state_dict().items():
        assert torch.equal(loaded.family.state_dict()[name], value.half().float())
    assert not any(parameter.requires_grad for parameter in loaded.family.parameters())
    assert not loaded.family.training
    assert saved.card["parameters"] == sum(value.numel() for value in model.family.state_dict().values())
    again = loaded.save(tmp_path / "again", name="rounds/m", training={"steps": 0})
    assert again.digest == saved.digest


def test_whole_numbers_are_not_halved(registry: Registry, tmp_path: Path) -> None:
    model = fresh(registry)
    model.family.register_buffer("count", torch.tensor([70_001]))
    saved = model.save(tmp_path / "m", name="rounds/m", training={})
    assert saved.weights()["count"].tolist() == [70_001]


def test_weights_beyond_half_precision_are_not_halved(registry: Registry, tmp_path: Path) -> None:
    """They were once infinite in the checkpoint, without a word."""
    model = fresh(registry)
    model.family.register_buffer("large", torch.tensor([70_001.0, 1.0]))
    model.family.register_buffer("mask", torch.tensor([-torch.inf, 1.0]))
    kept = model.save(tmp_path / "m", name="rounds/m", training={}).weights()
    assert (kept["large"].tolist(), kept["large"].dtype) == ([70_001.0, 1.0], torch.float32)
    assert kept["mask"].dtype == torch.float16


@pytest.mark.parametrize("change", ["missing", "more", "shape"])
def test_weights_that_do_not_fit_the_card_are_refused(copied: Path, registry: Registry, change: str) -> None:
    change_card(copied, lambda card: card.pop("weights"))
    path = copied / "weights.safetensors"
    weights = load_file(path)
    name = "network.norm.weight"
    if change == "missing":
        del weights[name]
    else:
        weights["extra" if change == "more" else name] = torch.zeros(3)
    save_file(weights, path)
    with pytest.raises(CheckpointError, match=r"should fit the networks that its card describes; they do not: .*again"):
        Model.load(copied, registry)


def change_card(folder: Path, change: Callable[[Any], object]) -> None:
    card = json.loads((folder / "card.json").read_text())
    change(card)
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda card: card["recipe"].update(encoder=None), "rounds with the encoder None"),
        (lambda card: card.update(domain="molecules"), "its recipe is of rounds"),
        (lambda card: card.update(conditions={}), "KeyError"),
        (lambda card: card["conditions"].update(scalars=[["letters"]]), "ValueError"),
        (lambda card: card.update(encoder={}), "KeyError"),
        (lambda card: card.update(encoder={"alphabet": 4}), "TypeError"),
        (lambda card: card["components"].update(family=5), "made with family 5; installed is autoregressive@1"),
    ],
)
def test_a_card_with_wrong_content_is_named(
    copied: Path, registry: Registry, change: Callable[[Any], object], found: str
) -> None:
    change_card(copied, change)
    with pytest.raises(CheckpointError, match=found) as caught:
        Model.load(copied, registry)
    assert str(copied) in str(caught.value)


def test_a_card_of_another_network_does_not_fit_the_weights(copied: Path, registry: Registry) -> None:
    card = json.loads((copied / "card.json").read_text())
    card["recipe"]["backbone"]["width"] = 64
    (copied / "card.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match="size mismatch"):
        Model.load(Checkpoint.open(copied), registry)


def test_a_card_whose_components_are_not_installed_names_them(copied: Path, registry: Registry) -> None:
    card = json.loads((copied / "card.json").read_text())
    card["recipe"]["family"] = {"name": "autoregresive"}
    (copied / "card.json").write_text(json.dumps(card))
    with pytest.raises(UnknownName, match=r"no family named 'autoregresive'. Did you mean 'autoregressive'"):
        Model.load(copied, registry)


def test_a_model_made_with_another_version_of_a_component_is_not_read(copied: Path, registry: Registry) -> None:
    card = json.loads((copied / "card.json").read_text())
    assert card["components"]["family"] == "autoregressive@1"
    card["components"]["family"] = "autoregressive@7"
    (copied / "card.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=r"made with family autoregressive@7; installed is autoregressive@1"):
        Model.load(copied, registry)


def test_what_is_asked_for_becomes_one_row(toy_model: Model[str]) -> None:
    condition = toy_model.condition({"letters": 3, "start": "bc"})
    assert condition.scalars.tolist() == [[3.0]]
    assert condition.labels.shape == (1, 0)
    assert condition.prefix.tolist() == list(toy_model.encoder.prefix("bc"))
    assert toy_model.condition({}).scalars.isnan().all()
    assert toy_model.condition({}).prefix.shape == (1, 0)
    assert toy_model.asked({"letters": 3, "start": "bc"}) == {"letters": 3.0, "start": "bc"}


def test_what_is_far_from_what_was_learned_is_warned_of(registry: Registry) -> None:
    model = fresh(registry)
    with pytest.warns(
        UserWarning,
        match=r"^condition 'letters' asks for 1; this model learned 4\.5 ± 0\.6, so expect samples that are poor or "
        r"miss it\. Ask for 1\.5 to 7\.5\.$",
    ):
        assert model.condition({"letters": 1}).scalars.tolist() == [[1.0]]


def test_what_the_encoder_has_no_room_for_is_refused(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    model = fresh(registry)
    asked: list[Any] = []
    monkeypatch.setattr(model.encoder, "check_room", asked.append)
    model.condition({"letters": 5})
    assert asked == [{"letters": 5.0}]

    def refuse(_: object) -> None:
        raise ConditionError("no room")

    monkeypatch.setattr(model.encoder, "check_room", refuse)
    with pytest.raises(ConditionError, match="no room"):
        model.condition({"letters": 5})


def test_a_condition_that_was_not_learned_says_which_were(toy_model: Model[str]) -> None:
    with pytest.raises(ConditionError) as caught:
        toy_model.condition({"first": "a"})
    assert str(caught.value) == (
        "condition 'first' is offered by rounds, but this model learned letters. Train one with conditions = ['first']."
    )


def test_a_model_that_never_learned_to_go_without_a_condition_is_asked_for_it(toy_model: Model[str]) -> None:
    """A GAN so trained once drew grey noise where its class was left out."""
    model = replace(toy_model, recipe=replace(toy_model.recipe, drop=0.0))
    with pytest.raises(ConditionError) as caught:
        model.condition({"start": "bc"})
    assert str(caught.value) == (
        "a model trained with drop=0 knows nothing of samples with nothing asked, so each of its conditions is asked "
        "for: letters; letters is missing. Ask for it, as in --where letters=VALUE, or train the model with drop=0.1."
    )
    assert model.condition({"letters": 3}).scalars.tolist() == [[3.0]]


def test_the_encoder_is_the_recipes_or_the_domains(registry: Registry) -> None:
    assert new_encoder(toy_recipe("none", encoder=use("letters", length=3)), registry).space.shape == (3,)
    assert new_encoder(toy_recipe("none", encoder=None), registry).space.shape == (8,)
