from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright.cli import main
from genwright.recipe import Recipe

Capture = pytest.CaptureFixture[str]
RECIPE = Path(__file__).parents[3] / "examples" / "new_domain" / "recipe.toml"
SMALL = ["-o", "steps=4", "-o", "batch_size=8", "--log-every", "2", "--device", "cpu"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """The recipes that were to be trained; none is."""
    recipes: list[Recipe] = []

    def train(recipe: Recipe, **_: Any) -> None:
        recipes.append(recipe)
        raise KeyboardInterrupt

    monkeypatch.setattr("genwright.api.train", train)
    return recipes


def test_a_recipe_becomes_a_model_that_is_found_by_name(rhythms: Path, home: Path, capsys: Capture) -> None:
    assert main(["train", "--recipe", str(RECIPE), "--name", "rhythms/mine", *SMALL]) == 0
    out, err = capsys.readouterr()
    facts = dict(line.split(None, 1) for line in out.splitlines())
    assert facts["model"] == "rhythms/mine"
    assert facts["folder"] == str(home / "models" / "rhythms" / "mine")
    assert "step 2 of 4  " in err
    assert "step 4 of 4  " in err
    assert " steps/s  00:00 left" in err
    assert "Draw from it: genwright generate rhythms/mine\n" in err
    assert main(["generate", "rhythms/mine", "-n", "9"]) == 0


def test_a_folder_and_no_store(rhythms: Path, home: Path, tmp_path: Path, capsys: Capture) -> None:
    arguments = ["--folder", str(tmp_path / "model"), "--no-store", "--json", *SMALL]
    assert main(["train", "--recipe", str(RECIPE), *arguments]) == 0
    out, err = capsys.readouterr()
    facts = json.loads(out)
    assert facts["folder"] == str(tmp_path / "model")
    assert facts["training"]["steps"] == 4
    assert f"genwright generate {tmp_path / 'model'}\n" in err
    assert not (tmp_path / "store.sqlite").exists()


def test_fields_of_the_recipe_are_overridden(asked: list[Recipe], capsys: Capture) -> None:
    options = ["-o", "steps=7", "-o", "average=0", "-o", "data=other", "-o", "conditions=strokes"]
    assert main(["train", "--recipe", str(RECIPE), *options]) == 130
    [recipe] = asked
    assert (recipe.steps, recipe.average, recipe.data, recipe.conditions) == (7, 0.0, "other", ("strokes",))
    assert recipe.backbone == gw.Recipe.read(RECIPE).backbone
    assert "Training was stopped.\nInterrupted." in capsys.readouterr().err.replace("\n\n", "\n")


def test_what_is_said_of_a_training_that_was_stopped_is_true(
    rhythms: Path, home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was once said to go on from where it was saved, also where nothing was."""
    command = ["train", "--recipe", str(RECIPE), "--name", "rhythms/mine", *SMALL]

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("genwright.training.prepared", stop)
        assert main(command) == 130
    assert "Training was stopped. Nothing was saved; the same command begins anew.\n" in capsys.readouterr().err
    with monkeypatch.context() as patch:
        patch.setattr("genwright.trainer.Trainer._report", stop)
        assert main(command) == 130
    wanted = "Training was stopped. It is saved at step 2; the same command goes on from there.\n"
    assert wanted in capsys.readouterr().err
    assert main(command) == 0
    err = capsys.readouterr().err
    assert "step 4 of 4  " in err
    assert "step 2 of 4  " not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "stpes=7"], "a recipe has no option 'stpes'. Did you mean 'steps'?"),
        (["-o", "steps=7", "-o", "steps=8"], "steps is given once; got '7' and '8'. Leave one of them out."),
        (["-o", "steps=many"], "option 'steps' of a recipe takes a whole number; got 'many'"),
        (["-o", "steps=0"], "a recipe's steps is from 1 to 1e+09; got 0"),
        (["-o", "optimizer=adam"], "there is no value of a recipe's optimizer named 'adam'. Did you mean 'adamw'"),
        (["-o", "backbone=unet"], "a recipe has no option 'backbone'."),
    ],
)
def test_what_no_recipe_has_exits_with_2(
    asked: list[Recipe], capsys: Capture, arguments: list[str], message: str
) -> None:
    assert main(["train", "--recipe", str(RECIPE), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert asked == []


@pytest.mark.parametrize("steps", ["0", "-3"])
def test_reports_come_every_step_or_less_often(home: Path, capsys: Capture, steps: str) -> None:
    assert main(["train", "--recipe", str(RECIPE), "--log-every", steps]) == 2
    assert f"log_every is a whole number from 1 to 2^63 - 1; got {steps}." in capsys.readouterr().err


def test_a_recipe_that_cannot_be_read_exits_with_2(tmp_path: Path, capsys: Capture) -> None:
    assert main(["train", "--recipe", str(tmp_path / "none.toml")]) == 2
    assert "a recipe is a TOML file; " in capsys.readouterr().err
    assert main(["train"]) == 2
    assert "Missing option '--recipe'" in capsys.readouterr().err


def test_a_malformed_item_ends_a_strict_training(rhythms: Path, home: Path, tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("x..x\nxyz\n")
    assert main(["train", "--recipe", str(RECIPE), "-o", f"data={file}", "--no-store", "--strict", *SMALL]) == 1
    assert "mine.txt, line 2: " in capsys.readouterr().err
