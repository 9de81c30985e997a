from __future__ import annotations

import json
import runpy
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from genwright.errors import RecipeError, UnknownName
from genwright.recipe import Component, Recipe, use

GOLDEN = Path(__file__).parents[1] / "golden"
RECIPE = Recipe(
    domain="rounds",
    data="rounds.txt",
    encoder=use("letters", length=8),
    family=use("autoregressive"),
    backbone=use("transformer", width=32, activation="swiglu"),
    conditions=("letters",),
    learning_rate=0.01,
    seed=2**64 - 1,
)
TOML = """
conditions = ["letters"]
seed = 18446744073709551615
learning_rate = 0.01
data = "rounds.txt"
domain = "rounds"
family = "autoregressive"
[backbone]
activation = "swiglu"
width = 32
name = "transformer"
[encoder]
name = "letters"
length = 8
"""


def test_a_recipe_comes_back_from_plain_data() -> None:
    assert Recipe.from_json(json.loads(json.dumps(RECIPE.to_json()))) == RECIPE
    assert Recipe.from_json(replace(RECIPE, encoder=None).to_json()).encoder is None


def test_a_recipe_is_read_from_toml_whatever_the_order_of_its_lines(tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text(TOML, encoding="utf-8")
    assert Recipe.read(tmp_path / "r.toml") == RECIPE
    assert Recipe.read(str(tmp_path / "r.toml")).digest == RECIPE.digest


def test_the_digest_depends_on_every_field_and_option() -> None:
    changes: list[dict[str, Any]] = [
        {},
        {"domain": "other"},
        {"data": "other"},
        {"encoder": None},
        {"encoder": use("letters", length=9)},
        {"sampler": use("top-p", p=0.9)},
        {"sampler": use("guided", inner=use("top-p", p=0.9))},
        {"backbone": use("transformer", width=32)},
        {"conditions": ()},
        {"drop": 0.2},
        {"steps": 7},
        {"batch_size": 8},
        {"accumulate": 2},
        {"optimizer": "muon"},
        {"precision": "float32"},
        {"seed": 0},
    ]
    digests = {replace(RECIPE, **change).digest for change in changes}
    assert len(digests) == len(changes)


def test_equal_recipes_have_one_digest() -> None:
    """1 and 1.0 are equal; their digests once were not, so that a recipe from TOML could not be resumed."""
    one, other = replace(RECIPE, clip=1, learning_rate=1), replace(RECIPE, clip=1.0, learning_rate=1.0)
    assert one == other
    assert one.digest == other.digest


def test_a_recipe_says_how_its_model_is_drawn_from_and_without_it_keeps_its_digest(tmp_path: Path) -> None:
    assert "sampler" not in RECIPE.to_json()
    sampler = use("guided", scale=2.0, inner={"name": "top-p", "p": 0.9})
    table = '[sampler]\nname = "guided"\nscale = 2.0\ninner = {name = "top-p", p = 0.9}\n'
    (tmp_path / "r.toml").write_text(TOML + table, encoding="utf-8")
    assert Recipe.read(tmp_path / "r.toml") == replace(RECIPE, sampler=sampler)
    assert Recipe.from_json(replace(RECIPE, sampler=sampler).to_json()).sampler == sampler


def test_the_digest_of_a_recipe_that_states_no_data_does_not_speak_of_them() -> None:
    assert "data_sha256" not in RECIPE.to_json()
    stated = replace(RECIPE, data_sha256="ab" * 32)
    assert stated.digest != RECIPE.digest
    assert Recipe.from_json(stated.to_json()) == stated


def test_the_digest_is_frozen() -> None:
    made = runpy.run_path(str(GOLDEN / "rewrite.py"))["GOLDEN"]["recipe"]()
    assert made == json.loads((GOLDEN / "recipe.json").read_text())


def test_a_component_within_a_component_is_plain_data() -> None:
    guided = use("guided", scale=2.0, inner=use("top-p", p=0.9))
    assert guided.to_json() == {"name": "guided", "scale": 2.0, "inner": {"name": "top-p", "p": 0.9}}
    assert json.loads(json.dumps(guided.to_json())) == guided.to_json()
    assert Component.read(guided) is guided


@pytest.mark.parametrize("data", [3, None, ["top-p"], {"p": 0.9}, {"name": 3}])
def test_what_is_no_component_is_refused(data: object) -> None:
    with pytest.raises(RecipeError, match=r"a component is a name, or a table with a name and options; got "):
        Component.read(data)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"drop": 1.5}, "a recipe's drop is from 0 to 1; got 1.5"),
        ({"drop": float("nan")}, "a recipe's drop is from 0 to 1; got nan"),
        ({"drop": "half"}, "a recipe's drop is of type float; got 'half'"),
        ({"steps": 0}, "a recipe's steps is from 1 to 1e.09; got 0"),
        ({"steps": 10.5}, "a recipe's steps is of type int; got 10.5"),
        ({"steps": True}, "a recipe's steps is of type int; got True"),
        ({"clip": False}, "a recipe's clip is of type float; got False"),
        ({"compile": 1}, "a recipe's compile is true or false; got 1"),
        ({"seed": -1}, r"a recipe's seed is from 0 to 1.84467e\+19; got -1"),
        ({"seed": 2**64}, "a recipe's seed is from 0 to"),
        ({"held_out": 0.6}, "a recipe's held_out is from 0 to 0.5; got 0.6"),
        ({"average": 1.0}, "a recipe's average is from 0 to 0.999999; got 1.0"),
        ({"accumulate": 3}, "a recipe's batch_size is a multiple of accumulate; got 256 and 3"),
        ({"domain": 3}, "a recipe's domain is text; got 3. Write its name"),
        ({"data": None}, "a recipe's data is text; got None"),
        ({"family": "autoregressive"}, "a recipe's family is a component; got 'autoregressive'. Write it as use"),
        ({"backbone": None}, "a recipe's backbone is a component; got None"),
        (
            {"backbone": use("transformer", width=float("nan"))},
            "options of a recipe's backbone are finite numbers, text",
        ),
        ({"encoder": use("letters", day=date(2026, 11, 1))}, r"recipe's encoder are .*; got {'day': datetime.date.*so"),
        ({"encoder": 3}, "a recipe's encoder is a component; got 3"),
        ({"sampler": "top-p"}, "a recipe's sampler is a component; got 'top-p'. Write it as use"),
        ({"conditions": "letters"}, "a recipe's conditions are several names; got 'letters'. Write them as a list"),
        ({"conditions": (3,)}, r"a recipe's conditions are several names; got \(3,\)"),
        ({"conditions": ("a", "b", "a")}, "a recipe's conditions are named once each; got a, b, a. Remove"),
    ],
)
def test_fields_that_make_no_sense_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        replace(RECIPE, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"optimizer": "adam"}, "there is no value of a recipe's optimizer named 'adam'. Did you mean 'adamw'?"),
        ({"precision": "float16"}, "there is no value of a recipe's precision named 'float16'. Did you mean "),
    ],
)
def test_a_choice_that_is_none_is_told_the_nearest(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UnknownName) as caught:
        replace(RECIPE, **changes)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (
            TOML + "[learning_rat]\n",
            UnknownName,
            "no field of a recipe named 'learning_rat'. Did you mean 'learning_rate'",
        ),
        ('domain = "x"\n', RecipeError, "needs domain, data, family and backbone; data, family, backbone is missing"),
        (TOML.replace('["letters"]', '"letters"'), RecipeError, "conditions are several names; got 'letters'"),
        (TOML.replace('"autoregressive"', "3"), RecipeError, "a component is a name, or a table .*; got 3"),
        (TOML + "=", RecipeError, r"a recipe is a TOML file; .*r\.toml is not: Invalid statement"),
        ("\udcff", RecipeError, "a recipe is a TOML file; .* is not: 'utf-8' codec"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    (tmp_path / "r.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(error, match=message):
        Recipe.read(tmp_path / "r.toml")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml cannot be read: No such file"):
        Recipe.read(tmp_path / "none.toml")
    with pytest.raises(RecipeError, match="cannot be read: Is a directory"):
        Recipe.read(tmp_path)


def test_reading_recipes_imports_no_torch() -> None:
    code = "import sys, genwright.recipe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
