from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright.datasets import digest
from genwright.errors import UnknownName
from genwright.lineages import Ancestor, Lineage, lineage_of
from genwright.memory import MemoryStore
from genwright.run import Run
from genwright.samples import Review
from genwright.store import Score
from genwright.testing.stores import make_checkpoint, make_record, make_run
from genwright.testing.toys import toy_recipe

pytestmark = pytest.mark.usefixtures("small")


@pytest.fixture
def chain(tmp_path: Path, rounds_file: Path, vae_folder: Path, store: MemoryStore) -> Lineage:
    """A sample of a model that started from another and draws the latents of a third, all models gone by now."""
    shutil.copytree(vae_folder, tmp_path / "vae")
    fields: dict[str, Any] = {
        "encoder": gw.use("latent", model=str(tmp_path / "vae")),
        "family": gw.use("vae", latent=2),
        "backbone": gw.use("small"),
        "conditions": (),
        "steps": 2,
    }
    gw.train(toy_recipe(rounds_file, **fields), name="rounds/first", folder=tmp_path / "a", store=store, device="cpu")
    recipe = toy_recipe(rounds_file, **fields, start=str(tmp_path / "a"))
    gw.train(recipe, name="rounds/second", folder=tmp_path / "b", store=store, device="cpu")
    sample = gw.generate(tmp_path / "b", 3, seed=5, store=store)[2]
    store.put_scores(
        sample.run, [Score(metric="beauty", value=0.5, index=2), Score(metric="beauty", value=1.0, index=1)]
    )
    assert gw.audit(sample, store=store).outcome == "identical"
    for name in ("a", "b", "vae"):
        shutil.rmtree(tmp_path / name)
    return gw.lineage(sample, store=store)


def parents(model: Ancestor) -> dict[str, Ancestor]:
    return {parent.role: parent for parent in model.parents}


def test_the_chain_goes_from_the_sample_to_the_data_and_the_training_run(
    chain: Lineage, store: MemoryStore, rounds_file: Path
) -> None:
    model = chain.model
    assert model is not None
    assert (model.name, model.digest) == ("rounds/second", chain.run.checkpoint)
    assert (model.data, model.data_sha256) == (str(rounds_file), digest(rounds_file))
    assert model.recipe_digest == gw.Recipe.from_json(json.loads(store.checkpoint(model.digest).card)["recipe"]).digest
    assert model.training == next(store.runs(kind="train"))
    assert set(model.files) == {"weights.safetensors", "card.json"}


def test_it_goes_on_to_the_models_that_a_model_was_made_with(chain: Lineage, vae_folder: Path) -> None:
    assert chain.model is not None
    found = parents(chain.model)
    assert {role: parent.name for role, parent in found.items()} == {"encoder": "rounds/vae", "start": "rounds/first"}
    assert found["start"].training is not None
    assert found["start"].training.model == "rounds/first"
    assert {role: parent.name for role, parent in parents(found["start"]).items()} == {"encoder": "rounds/vae"}


def test_it_has_the_scores_and_replays_of_the_sample_alone(chain: Lineage, store: MemoryStore) -> None:
    assert chain.scores == (Score(metric="beauty", value=0.5, index=2),)
    [replay] = chain.replays
    assert (replay.outcome, replay.run, replay.drift) == ("identical", next(store.runs(kind="replay")).id, ())
    assert gw.lineage(f"{chain.run.id}/1", store=store).replays == ()


def test_it_is_read_as_an_indented_chain_plain_data_and_a_picture(chain: Lineage, rounds_file: Path) -> None:
    text = str(chain)
    steps = [f"sample {chain.sample.id}", f"generate run {chain.run.id}", "model rounds/second", "recipe ", "data "]
    places = [text.index(step) for step in steps]
    assert places == sorted(places)
    assert f"\n        data {rounds_file}\n            SHA-256  {digest(rounds_file)}\n" in text
    assert "\n      started from rounds/first\n" in text
    data = json.loads(json.dumps(chain.to_json()))
    assert data["model"]["data"] == {"name": str(rounds_file), "sha256": digest(rounds_file)}
    assert [parent["name"] for parent in data["model"]["parents"]] == ["rounds/vae", "rounds/first"]
    assert data["replays"][0]["outcome"] == "identical"
    boxes = list(ElementTree.fromstring(chain.to_svg()).iter("{http://www.w3.org/2000/svg}rect"))
    # Of the sample, its run, score and replay; each model, its recipe, data and training; the VAE has two children.
    assert len(boxes) == 4 + (1 + 3) + (1 + 3) + 2 * (1 + 2)


def recorded(store: MemoryStore, card: object, **changes: Any) -> Run:
    """Put a sample of a model with this card; return its run."""
    checkpoint, run = make_checkpoint(), make_run(checkpoint="5f1c" + "ab" * 30, **changes)
    store.put_run(run)
    store.put_checkpoint(replace(checkpoint, card=card if isinstance(card, str) else json.dumps(card)))
    store.put_samples([make_record(run, 0, reviews=(Review(reviewer="alerts", passed=False, reason="a halide"),))])
    return run


@pytest.mark.parametrize(
    "card",
    ["{", "[1]", "9" * 5000, {"recipe": [1]}, {"recipe": {"data": {}, "start": 3}, "encoder": "x", "training": 1}],
)
def test_a_card_that_was_damaged_hides_nothing_else(store: MemoryStore, card: object) -> None:
    run = recorded(store, card)
    found = gw.lineage(f"{run.id}/0", store=store)
    assert found.model is not None
    assert (found.model.name, found.model.parents, found.model.training) == ("molecules/druglike", (), None)
    assert f"sample {run.id}/0" in str(found)
    assert json.dumps(found.to_json())


def test_a_model_that_names_itself_as_its_parent_ends_the_chain(store: MemoryStore) -> None:
    run = recorded(store, {"recipe": {"data": "x", "start": "5f1c" + "ab" * 30}})
    found = gw.lineage(f"{run.id}/0", store=store).model
    assert found is not None
    assert found.parents == ()


def test_a_model_of_which_the_store_has_no_card_is_told_by_its_digest(store: MemoryStore) -> None:
    run = recorded(store, {"encoder": {"model": "cd" * 32}})
    found = gw.lineage(f"{run.id}/0", store=store)
    assert found.model is not None
    assert parents(found.model)["encoder"] == Ancestor(role="encoder", digest="cd" * 32)
    assert f"encoder model not in this store\n          digest  {'cd' * 32}" in str(found)


def test_a_training_run_of_before_cards_named_it_is_found_by_its_scores(store: MemoryStore) -> None:
    run = recorded(store, {"recipe": {"data": "x"}})
    trained = [make_run(kind="train", checkpoint="", config={"recipe": {"data": "x"}}) for _ in range(2)]
    for each, made in zip(trained, ("5f1c" + "ab" * 30, "cd" * 32), strict=True):
        store.put_run(each)
        store.put_scores(each.id, [Score(metric="train/loss", value=1.0, detail=f"checkpoint {made}")])
    found = gw.lineage(f"{run.id}/0", store=store).model
    assert found is not None
    assert found.training is not None
    assert found.training.id == trained[0].id


@pytest.mark.parametrize(
    ("kind", "recipe", "is_found"),
    [("train", {"data": "x"}, True), ("generate", {"data": "x"}, False), ("train", {"data": "y"}, False)],
)
def test_a_card_that_names_a_run_which_did_not_make_it_is_not_believed(
    store: MemoryStore, kind: Any, recipe: dict[str, str], is_found: bool
) -> None:
    named = make_run(kind=kind, config={"recipe": recipe})
    store.put_run(named)
    run = recorded(store, {"recipe": {"data": "x"}, "training": {"run": named.id}})
    found = gw.lineage(f"{run.id}/0", store=store).model
    assert found is not None
    assert (found.training is not None) == is_found


def test_names_with_markup_and_controls_are_text_everywhere(store: MemoryStore) -> None:
    evil = "<script>alert('x')</script>\x1b[31m"
    run = recorded(store, {"recipe": {"data": evil, "data_sha256": evil}}, config={"where": {evil: evil}})
    found = gw.lineage(f"{run.id}/0", store=store)
    document = found.to_svg()
    assert "<script" not in document
    assert any("<script>" in (text.text or "") for text in ElementTree.fromstring(document).iter())
    assert "\x1b" not in str(found) + document


def test_reviews_and_what_a_store_says_of_the_ledger_are_told(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = recorded(store, {})
    assert gw.lineage(f"{run.id}/0", store=store).evidence == {}
    monkeypatch.setattr(MemoryStore, "evidence", lambda self, id: {"entry": 17, "of": id}, raising=False)
    found = lineage_of(f"{run.id}/0", store)
    assert found.evidence == {"entry": 17, "of": f"{run.id}/0"}
    assert "\n  reviews\n      alerts: refused, a halide\n" in str(found)
    assert "\n  ledger\n      entry  17\n" in str(found)


def test_a_sample_that_is_not_there_is_unknown(store: MemoryStore) -> None:
    with pytest.raises(UnknownName, match="no run named 'feed'"):
        gw.lineage("feed/0", store=store)
