from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from genwright.checkpoint import Checkpoint
from genwright.errors import CheckpointError, PluginError, UnknownName
from genwright.library import find, find_digest, models_folder, names
from genwright.registry import Registry
from genwright.specs import ModelSpec
from genwright.testing.toys import toy_registry


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def registry(toy_folder: Path) -> Registry:
    spec = ModelSpec(name="rounds/toy", target=f"genwright:{toy_folder}", summary="", domain="rounds", default=True)
    return toy_registry(spec)


@pytest.fixture
def digest(toy_folder: Path) -> str:
    return Checkpoint.open(toy_folder).digest


def test_models_of_plugins_come_before_those_trained_here(registry: Registry, toy_folder: Path, home: Path) -> None:
    shutil.copytree(toy_folder, models_folder() / "rounds" / "mine")
    assert [(name, opening().folder) for name, opening, _ in names(registry)] == [
        ("rounds/toy", toy_folder),
        ("rounds/mine", home / "models" / "rounds" / "mine"),
    ]
    assert [origin for *_, origin in names(registry)][1] == "trained here"


def test_a_model_is_found_by_name_domain_folder_and_digest(registry: Registry, toy_folder: Path, digest: str) -> None:
    for name in ("rounds/toy", "rounds", str(toy_folder), toy_folder, digest, digest[:8]):
        assert find(name, registry).digest == digest


def test_a_plugins_model_is_not_replaced_by_one_trained_here(registry: Registry, toy_folder: Path) -> None:
    shutil.copytree(toy_folder, models_folder() / "rounds" / "toy")
    assert find("rounds/toy", registry).folder == toy_folder


def test_a_model_that_is_broken_breaks_no_other(registry: Registry, toy_folder: Path, digest: str) -> None:
    """One spec of a package that is missing once stopped every use of any model."""
    lost = ModelSpec(name="rounds/lost", target="no_such_package:model", summary="", domain="rounds", origin="toys 1")
    broken = toy_registry(*(spec for spec in registry.specs("model")), lost)
    for name in ("rounds/toy", "rounds", digest):
        assert find(name, broken).digest == digest
    assert find_digest(digest, broken).digest == digest
    with pytest.raises(PluginError, match=r"'rounds/lost' of toys 1 needs no_such_package:model; got: No module named"):
        find("rounds/lost", broken)


def test_a_digest_of_fewer_than_eight_digits_is_no_name(registry: Registry, digest: str) -> None:
    with pytest.raises(UnknownName):
        find(digest[:7], registry)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rounds/toi", r"there is no model named 'rounds/toi'. Did you mean 'rounds/toy'.*\?"),
        ("nothing-like-it", "there is no model named 'nothing-like-it'. Known: rounds, rounds/toy."),
        ("a\0b", "there is no model named"),
        ("a\ud800b", "there is no model named"),
        ("a" * 10_000, "there is no model named"),
    ],
)
def test_a_name_that_is_none_is_told_the_nearest(registry: Registry, name: str, message: str) -> None:
    with pytest.raises(UnknownName, match=message):
        find(name, registry)


def test_a_domain_without_a_model_is_offered_where_it_is_nearly_named() -> None:
    with pytest.raises(UnknownName, match=r"there is no model named 'roundz'\. Did you mean 'rounds'\?"):
        find("roundz", toy_registry())


def test_where_there_is_no_model_it_is_said_how_to_get_one() -> None:
    with pytest.raises(UnknownName, match="The domain 'rounds' has no model yet: train one, with genwright train"):
        find("rounds", toy_registry())
    with pytest.raises(UnknownName, match="No installed plugin brings a model: genwright plugins install molecules"):
        find("something", toy_registry())


def test_a_path_that_is_no_checkpoint_is_said_to_be_none(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is no folder"):
        find(tmp_path / "none", registry)
    with pytest.raises(CheckpointError, match="has no weights"):
        find(str(tmp_path), registry)


def test_a_digest_is_found_where_it_was_last_seen_or_elsewhere(toy_folder: Path, digest: str, tmp_path: Path) -> None:
    assert find_digest(digest, toy_registry(), folder=str(toy_folder)).folder == toy_folder
    moved = shutil.copytree(toy_folder, models_folder() / "rounds" / "moved")
    assert find_digest(digest, toy_registry(), folder=str(tmp_path / "gone")).folder == moved


def test_another_model_in_the_same_folder_is_not_taken_for_it(toy_folder: Path, tmp_path: Path, digest: str) -> None:
    replaced = shutil.copytree(toy_folder, tmp_path / "replaced")
    card = replaced / "card.json"
    card.write_text(card.read_text() + "\n")
    message = f"model {digest[:12]} is needed; none of the models here is it .*genwright models import FOLDER"
    with pytest.raises(CheckpointError, match=message):
        find_digest(digest, toy_registry(), folder=str(replaced))
