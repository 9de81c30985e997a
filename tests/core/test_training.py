from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import genwright as gw
from genwright import kernels
from genwright.errors import (
    CheckpointError,
    DataError,
    GenwrightError,
    MismatchError,
    OptionError,
    RecipeError,
    TrainingError,
    UnknownName,
)
from genwright.family import Family
from genwright.memory import MemoryStore
from genwright.recipe import use
from genwright.registry import Registry
from genwright.run import Run
from genwright.specs import ModelSpec
from genwright.testing.toys import Rounds, toy_recipe, toy_registry
from genwright.trainer import Trainer
from genwright.training import prepared

pytestmark = pytest.mark.usefixtures("toys")
UseRegistry = Callable[[Registry], Registry]


def only(store: MemoryStore) -> Run:
    """Return the one run of a store."""
    (run,) = store.runs()
    return run


def test_a_label_is_learned_from_what_items_have_of_it(tmp_path: Path, rounds_file: Path) -> None:
    recipe = quick(rounds_file, conditions=("letters", "first"), steps=150, batch_size=32, learning_rate=0.02)
    model = gw.train(recipe, folder=tmp_path / "labelled", store=False, device="cpu")
    assert model.conditions.labels == {"first": ("a", "b", "c", "d")}
    drawn = gw.generate(model, 64, seed=1, where={"first": "c"}, store=False)
    assert sum(sample.item.lower().startswith("c") for sample in drawn) > 56


def test_a_model_can_start_from_the_weights_of_another(tmp_path: Path, rounds_file: Path, store: MemoryStore) -> None:
    first = gw.train(quick(rounds_file), folder=tmp_path / "first", store=False, device="cpu")
    still = quick(rounds_file, start=str(tmp_path / "first"), steps=1, learning_rate=0.0, average=0.0)
    second = gw.train(still, folder=tmp_path / "second", store=store, device="cpu")
    ours, theirs = first.family.state_dict(), second.family.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert first.checkpoint is not None
    assert second.recipe.start == first.checkpoint.digest
    assert [run.config["recipe"]["start"] for run in store.runs()] == [first.checkpoint.digest]


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"conditions": ()}, r"has its conditions, .* rounds/toy has \{'scalars': \['letters'\], "),
        (
            {"encoder": use("letters", length=9)},
            r"has its encoder, or they would mean something else; rounds/toy has \{",
        ),
    ],
)
def test_a_model_whose_numbers_stand_for_something_else_is_not_started_from(
    changes: dict[str, Any], what: str, tmp_path: Path, rounds_file: Path, toy_folder: Path, store: MemoryStore
) -> None:
    """Classes in another order once became each other's without a word."""
    with pytest.raises(RecipeError, match=what):
        gw.train(quick(rounds_file, start=str(toy_folder), **changes), folder=tmp_path / "x", store=store, device="cpu")


def test_a_model_with_other_networks_is_not_started_from(
    tmp_path: Path, rounds_file: Path, toy_folder: Path, store: MemoryStore
) -> None:
    wider = quick(rounds_file, start=str(toy_folder), backbone=use("transformer", width=24, depth=1, heads=2))
    with pytest.raises(
        RecipeError, match=r"has the networks of that model; those of rounds/toy are others .* states\."
    ):
        gw.train(wider, folder=tmp_path / "wider", store=store, device="cpu")
    assert not (tmp_path / "wider").exists()


def test_a_model_to_start_from_that_is_not_there_is_told_before_a_run_begins(
    tmp_path: Path, rounds_file: Path, store: MemoryStore
) -> None:
    with pytest.raises(UnknownName, match="there is no model named 'rounds/absent'"):
        gw.train(quick(rounds_file, start="rounds/absent"), folder=tmp_path / "new", store=store, device="cpu")
    assert list(store.runs()) == []


def test_a_recipe_by_which_a_family_would_not_learn_is_refused_before_data_are_read(
    tmp_path: Path, store: MemoryStore
) -> None:
    """A student once learned from random weights, and from a teacher that meant something else by them."""
    student = quick(tmp_path / "nowhere.txt", family=use("consistency"), backbone=use("dense"), encoder=use("latent"))
    with pytest.raises(RecipeError, match=r"this recipe has no start\. Write start with the name of such a model\."):
        gw.train(student, folder=tmp_path / "m", store=store, device="cpu")
    assert list(store.runs()) == []


def test_a_recipe_whose_sampler_cannot_draw_from_its_family_is_refused_before_data_are_read(
    tmp_path: Path, store: MemoryStore
) -> None:
    recipe = quick(tmp_path / "nowhere.txt", sampler=use("heun"))
    with pytest.raises(MismatchError, match=r"^sampler 'heun' needs a denoiser, but family 'autoregressive' is"):
        gw.train(recipe, folder=tmp_path / "m", store=store, device="cpu")
    assert list(store.runs()) == []


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"sampler": use("guided", scal=2)}, OptionError, "has no option 'scal'. Did you mean 'scale'"),
        ({"sampler": use("guided", scale=-1.0)}, OptionError, r"guidance takes a scale from 0 to 100; got -1\.0"),
        ({"sampler": use("guided", inner={"name": "nope"})}, UnknownName, "there is no sampler named 'nope'"),
        ({"sampler": use("top-k", k="x")}, OptionError, "option 'k' of sampler 'top-k' takes a whole number; got 'x'"),
        ({"sampler": use("guided"), "conditions": ()}, MismatchError, "this model was trained without conditions"),
        ({"sampler": use("guided"), "drop": 0.0}, MismatchError, "this one was trained with drop=0"),
        ({"sampler": use("guided", interval=(0.2, 5.0))}, MismatchError, "Leave out the interval"),
    ],
)
def test_a_recipe_whose_sampler_would_not_draw_is_refused_before_the_first_step(
    changes: dict[str, Any], error: type[GenwrightError], message: str, tmp_path: Path, rounds_file: Path
) -> None:
    """A long training once ended in a model that its own recipe could not draw from."""
    steps: list[int] = []
    recipe = quick(rounds_file, **changes)
    with pytest.raises(error, match=message):
        gw.train(
            recipe,
            folder=tmp_path / "m",
            store=False,
            device="cpu",
            log_every=1,
            on_report=lambda progress: steps.append(progress.step),
        )
    assert steps == []


def test_a_model_of_which_all_must_be_asked_is_trained_with_a_sampler(tmp_path: Path, rounds_file: Path) -> None:
    recipe = quick(rounds_file, drop=0.0, sampler=use("top-k", k=3))
    assert gw.train(recipe, folder=tmp_path / "m", store=False, device="cpu").recipe.sampler == use("top-k", k=3)


def quick(data: Path, **changes: Any) -> gw.Recipe:
    return toy_recipe(data, **{"steps": 4, "batch_size": 8, **changes})


def test_a_model_is_trained_kept_and_recorded(tmp_path: Path, rounds_file: Path, store: MemoryStore) -> None:
    reports: list[int] = []
    model = gw.train(
        quick(rounds_file, held_out=0.1),
        name="rounds/quick",
        folder=tmp_path / "quick",
        store=store,
        device="cpu",
        log_every=2,
        on_report=lambda progress: reports.append(progress.step),
    )
    assert reports == [2, 4]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["quick"]
    run = only(store)
    assert (run.kind, run.state, run.model, run.seed) == ("train", "finished", "rounds/quick", 0)
    assert gw.Recipe.from_json(run.config["recipe"]) == model.recipe
    assert model.recipe.data_sha256 == hashlib.sha256(rounds_file.read_bytes()).hexdigest()
    assert model.checkpoint is not None
    made = {score.detail for score in store.scores(run.id)}
    assert made == {f"checkpoint {model.checkpoint.digest}"}
    card = json.loads(store.checkpoint(model.checkpoint.digest).card)
    assert card["training"]["run"] == run.id
    losses = {"train/loss": card["training"]["losses"]["loss"], "train/held out": card["training"]["held_out_loss"]}
    assert {score.metric: score.value for score in store.scores(run.id)} == losses
    assert card["training"]["steps"] == 4
    assert card["training"]["examples"] == 128
    assert 0.5 < card["training"]["held_out_loss"] < 3
    assert len(gw.generate(model, 3, store=store)) == 3


def test_a_run_says_which_kernels_were_asked_for(tmp_path: Path, rounds_file: Path, store: MemoryStore) -> None:
    with kernels.use("reference"):
        gw.train(quick(rounds_file), folder=tmp_path / "m", store=store, device="cpu")
    assert only(store).config["kernels"] == {"everywhere": "reference"}
    gw.train(quick(rounds_file), folder=tmp_path / "n", store=store, device="cpu")
    assert "kernels" not in next(iter(store.runs())).config


def test_the_held_out_loss_is_taken_where_the_model_was_trained(
    tmp_path: Path, rounds_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model was once brought back from the GPU before its loss, and the trained model was lost."""
    done: list[str] = []
    validate, cpu = Trainer.validate, Family.cpu
    monkeypatch.setattr(Trainer, "validate", lambda trainer: (done.append("measured"), validate(trainer))[1])
    monkeypatch.setattr(Family, "cpu", lambda family: (done.append("brought back"), cpu(family))[1])
    gw.train(quick(rounds_file, held_out=0.1), folder=tmp_path / "m", store=False, device="cpu")
    assert done == ["measured", "brought back"]


def test_the_held_out_loss_on_the_card_is_that_of_the_weights_beside_it(
    tmp_path: Path, rounds_file: Path, toys: Registry
) -> None:
    recipe = quick(rounds_file, held_out=0.1)
    model = gw.train(recipe, folder=tmp_path / "m", store=False, device="cpu")
    _, examples = prepared(recipe, model.domain, rounds_file.read_text().split(), toys)
    assert model.checkpoint is not None
    expected = Trainer(recipe, model.family, examples, accelerator="cpu").validate()
    assert model.checkpoint.card["training"]["held_out_loss"] == expected


def test_a_recipe_that_states_its_data_is_held_to_them(tmp_path: Path, rounds_file: Path) -> None:
    """A recipe names data by a path, behind which others may lie by the time it is trained again."""
    trained = gw.train(quick(rounds_file), folder=tmp_path / "one", store=False, device="cpu").recipe
    other = tmp_path / "other.txt"
    other.write_text(rounds_file.read_text() + "abcd\n")
    gw.train(trained, folder=tmp_path / "two", store=False, device="cpu")
    with pytest.raises(
        DataError, match=rf"with the SHA-256 {trained.data_sha256[:12]}; .*other\.txt has .* leave data_"
    ):
        gw.train(replace(trained, data=str(other)), folder=tmp_path / "three", store=False, device="cpu")


def test_two_do_not_train_into_one_folder_at_once(tmp_path: Path, rounds_file: Path) -> None:
    """They once shared the file of where training stands, and the first failed after its last step."""

    def again(progress: object) -> None:
        with pytest.raises(TrainingError, match=r"by one process at a time; another trains into .*m\. Wait for it"):
            gw.train(quick(rounds_file), folder=tmp_path / "m", store=False, device="cpu")

    gw.train(quick(rounds_file), folder=tmp_path / "m", store=False, device="cpu", on_report=again)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_folder_that_cannot_be_made_is_refused_before_training(tmp_path: Path, rounds_file: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match=r"m cannot be made: Not a directory\. Choose another"):
        gw.train(quick(rounds_file), folder=tmp_path / "file" / "deep" / "m", store=False, device="cpu")


def test_a_model_without_held_out_data_is_kept(tmp_path: Path, rounds_file: Path) -> None:
    """The card once could not hold the loss of no examples, and the trained model was lost."""
    model = gw.train(quick(rounds_file), folder=tmp_path / "m", store=False, device="cpu")
    assert model.checkpoint is not None
    assert model.checkpoint.card["training"]["held_out_loss"] is None
    assert model.checkpoint.name == f"rounds/{quick(rounds_file).digest[:12]}"


def test_a_model_is_found_by_its_name_after_it_was_trained(
    tmp_path: Path, rounds_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path))
    gw.train(quick(rounds_file), name="rounds/mine", store=False, device="cpu")
    assert len(gw.generate("rounds/mine", 2, store=False)) == 2


def test_training_that_was_stopped_is_taken_up(
    tmp_path: Path, rounds_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genwright.trainer._SAVE_SECONDS", -1.0)

    def stop(progress: object) -> None:
        raise KeyboardInterrupt

    store = MemoryStore()
    settings: dict[str, Any] = {"device": "cpu", "log_every": 3, "name": "rounds/x"}
    with pytest.raises(KeyboardInterrupt):
        gw.train(quick(rounds_file), folder=tmp_path / "m", store=store, on_report=stop, **settings)
    assert (only(store).state, only(store).error) == ("interrupted", "KeyboardInterrupt")
    resumed = gw.train(quick(rounds_file), folder=tmp_path / "m", store=store, **settings)
    whole = gw.train(quick(rounds_file), folder=tmp_path / "n", store=False, **settings)
    assert resumed.checkpoint is not None
    assert whole.checkpoint is not None
    weights = "weights.safetensors"
    assert resumed.checkpoint.files[weights] == whole.checkpoint.files[weights]


def test_losses_go_to_tensorboard_if_asked(tmp_path: Path, rounds_file: Path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = tmp_path / "board"
    gw.train(quick(rounds_file), folder=tmp_path / "m", store=False, device="cpu", log_every=2, tensorboard=board)
    found = EventAccumulator(str(board)).Reload()
    assert [event.step for event in found.Scalars("loss")] == [2, 4]


def test_items_that_cannot_be_trained_on_are_counted_with_the_first_reason(tmp_path: Path, rounds_file: Path) -> None:
    short = quick(rounds_file, encoder=use("letters", length=5))
    wanted = (
        r"48 of 128 items were left out of training; why the first: '\w{6}' has more than 5 letters, or others than"
    )
    with pytest.warns(UserWarning, match=wanted):
        model = gw.train(short, folder=tmp_path / "m", store=False, device="cpu")
    assert model.checkpoint is not None
    assert model.checkpoint.card["training"]["examples"] == 80


def test_an_item_with_a_flaw_or_without_a_condition_is_a_reason_too(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, items = quick(Path("none"), conditions=("first",)), ["abcd", "bc", "cd"]
    with pytest.warns(UserWarning, match=r"1 of 4 items were left out of training; why the first: .*zz"):
        prepared(recipe, Rounds(), ["zz", *items], toy_registry())
    monkeypatch.setattr(Rounds, "describe", lambda domain, items, name: [None, *("a" for _ in items[1:])])
    with pytest.warns(
        UserWarning, match=r"1 of 3 items were left out of training; why the first: It lacks a condition"
    ):
        prepared(recipe, Rounds(), items, toy_registry())


def test_an_item_of_which_a_contour_cannot_be_told_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = quick(Path("none"), conditions=("heights",), backbone=use("wavenet", width=32, skip=32, depth=1))
    monkeypatch.setattr(Rounds, "trace", lambda domain, items, name: [np.float64([1, 3]), None, np.float64([2] * 9)])
    with pytest.warns(UserWarning, match=r"1 of 3 items .* why the first: It lacks a condition"):
        model, examples = prepared(recipe, Rounds(), ["ab", "bc", "cd"], toy_registry())
    assert model.conditions.contours == {"heights": (2.0, pytest.approx(np.std([1, 3, *[2] * 9])))}
    assert examples.condition.contours is not None
    assert examples.condition.contours[:, 0].tolist() == [[1.0, 3.0, *[torch.inf] * 6], [2.0] * 8]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"domain": "round"}, UnknownName, "no domain named 'round'. Did you mean 'rounds'"),
        ({"encoder": use("leters")}, UnknownName, "no encoder named 'leters'. Did you mean 'letters'"),
        ({"encoder": use("letters", length=0)}, OptionError, "takes a length of 1 or more; got 0"),
        ({"encoder": use("letters", size=3)}, OptionError, "encoder 'letters' has no option 'size'"),
        ({"backbone": use("transformer", with_=3)}, OptionError, "backbone 'transformer' has no option 'with_'"),
        ({"backbone": use("transformer", width=30)}, OptionError, "a transformer needs width"),
        ({"conditions": ("leters",)}, UnknownName, "no condition of rounds named 'leters'. Did you mean 'letters'"),
        ({"conditions": ("start",)}, RecipeError, "learned from what items have; 'start' is a start"),
        ({"data": "nowhere.txt"}, GenwrightError, "nowhere.txt"),
    ],
)
def test_what_cannot_be_trained_is_said(
    tmp_path: Path, rounds_file: Path, changes: dict[str, Any], error: type[GenwrightError], message: str
) -> None:
    with pytest.raises(error, match=message):
        gw.train(replace(quick(rounds_file), **changes), folder=tmp_path / "m", store=False, device="cpu")
    assert not (tmp_path / "m").exists()


def test_data_with_nothing_to_train_on_are_refused(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("ab\n")
    with pytest.raises(DataError, match=r"training needs two valid items or more .*; of 1 in .*one\.txt, 1 are"):
        gw.train(quick(tmp_path / "one.txt"), folder=tmp_path / "m", store=False, device="cpu")
    short = quick(tmp_path / "one.txt", encoder=use("letters", length=1))
    with pytest.raises(
        DataError, match=r"one\.txt, 0 are\. .* Why the first is left out: 'ab' has more than 1 letters"
    ):
        gw.train(short, folder=tmp_path / "m", store=False, device="cpu")


def test_a_folder_that_is_taken_is_refused_before_training(tmp_path: Path, rounds_file: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="is not empty"):
        gw.train(quick(rounds_file), folder=tmp_path, store=False, on_report=lambda progress: pytest.fail("trained"))


def test_a_model_that_came_with_a_plugin_is_not_replaced(
    tmp_path: Path, rounds_file: Path, use_registry: UseRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One trained here once took its name, and was drawn from in its place."""
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path))
    use_registry(toy_registry(ModelSpec(name="rounds/toy", target="a:b", summary="", domain="rounds")))
    with pytest.raises(OptionError, match="'rounds/toy' is the name of a model that came with a plugin"):
        gw.train(quick(rounds_file), name="rounds/toy", store=False)


@pytest.mark.parametrize(
    "name", ["quick", "rounds", "rounds/", "other/quick", "rounds/../quick", "rounds/A b", "rounds/a/b"]
)
def test_a_model_is_named_after_its_domain(tmp_path: Path, rounds_file: Path, name: str) -> None:
    with pytest.raises(OptionError, match=r'a model of rounds is named "rounds/something": lower-case words, .*; got '):
        gw.train(quick(rounds_file), name=name, folder=tmp_path / "m", store=False)


def test_a_malformed_item_of_the_data_ends_a_strict_training(tmp_path: Path) -> None:
    """What `strict` promises of every reader could not once be asked for."""
    path = tmp_path / "mixed.txt"
    path.write_text("abcd\nbcd\nzz\ncda\ndab\n")
    with pytest.raises(DataError, match=r"mixed\.txt, line 3: 'zz' is no round"):
        gw.train(quick(path), folder=tmp_path / "strict", store=False, device="cpu", strict=True)
    with pytest.warns(UserWarning, match=r"mixed\.txt, line 3 was passed over"):
        gw.train(quick(path), folder=tmp_path / "lax", store=False, device="cpu")
