from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from genwright.checkpoint import Checkpoint
from genwright.datasets import digest
from genwright.options import make
from genwright.recipe import Recipe
from genwright.specs import DatasetSpec, ModelSpec, Spec
from genwright_images import plugin

HOOKS = [name for name in vars(plugin) if name.startswith("register_")]
RECIPES = Path(__file__).parents[3] / "recipes"
MIRROR = os.environ.get("GENWRIGHT_DATA_MIRROR")


def specs() -> Iterator[Spec]:
    for hook in HOOKS:
        yield from getattr(plugin, hook)()


@pytest.mark.parametrize("spec", list(specs()), ids=lambda s: f"{s.kind} {s.name}")
def test_every_target_is_there(spec: Spec) -> None:
    # That of a model is a folder.
    if isinstance(spec, ModelSpec):
        assert Checkpoint.open(spec.folder).name == spec.name
    else:
        assert callable(spec.load())


def test_naming_what_there_is_imports_nothing_heavy() -> None:
    code = (
        "import sys; from genwright_images import plugin; "
        f"[getattr(plugin, hook)() for hook in {HOOKS}]; "
        "print([m for m in ('torch', 'PIL', 'numpy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.slow
@pytest.mark.skipif(MIRROR is None, reason="GENWRIGHT_DATA_MIRROR names no folder with the data sets")
@pytest.mark.parametrize("spec", plugin.register_datasets(), ids=lambda s: s.name)
def test_the_sets_in_a_mirror_are_as_described_and_without_flaw(spec: DatasetSpec) -> None:
    from genwright_images.image import flaw

    wanted = {spec.sha256, *spec.mirrors}
    assert MIRROR is not None
    path = next((p for p in Path(MIRROR).rglob("*") if p.is_file() and digest(p) in wanted), None)
    if path is None:
        pytest.skip(f"the mirror folder does not hold {spec.name}")
    items = list(spec.load()(path, True))
    assert len(items) == spec.rows
    assert {item.size for item in items} == {(32, 32) if spec.name == "emoji" else (28, 28)}
    assert [item.info for item in items if not item.info.get("class") or flaw(item)] == []


@pytest.mark.parametrize("path", sorted(RECIPES.glob("images-*.toml")), ids=lambda path: path.stem)
def test_recipes_ask_for_data_conditions_and_options_that_there_are(path: Path) -> None:
    from genwright_images.domain import Images

    recipe = Recipe.read(path)
    assert recipe.data in {spec.name for spec in plugin.register_datasets()}
    assert set(recipe.conditions) <= Images.conditions.keys()
    assert recipe.encoder is not None
    if "model" not in recipe.encoder.options:
        (spec,) = (spec for spec in plugin.register_encoders() if spec.name == recipe.encoder.name)
        make(spec, recipe.encoder.options)


def test_recipes_start_from_models_of_other_recipes_and_from_none_later() -> None:
    recipes = {path.stem: Recipe.read(path) for path in RECIPES.glob("images-*.toml")}
    for recipe in recipes.values():
        encoder = recipe.encoder.options.get("model", "") if recipe.encoder else ""
        for named in filter(None, (recipe.start, encoder)):
            earlier = recipes[named.replace("/", "-")]
            assert earlier.data == recipe.data
            assert not earlier.start
