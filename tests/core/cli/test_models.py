from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.registry import registry

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def imported(rhythms: Path, rhythms_model: Path, home: Path, capsys: Capture) -> Path:
    """A model among those found by name; the folder it lies in."""
    assert main(["models", "import", str(rhythms_model)]) == 0
    return Path(capsys.readouterr().out.strip())


def test_an_imported_model_is_listed_and_shown_by_name(imported: Path, home: Path, capsys: Capture) -> None:
    assert imported == home / "models" / "rhythms" / "first"
    assert main(["models", "list", "--json"]) == 0
    [listed] = [model for model in json.loads(capsys.readouterr().out) if model["name"] == "rhythms/first"]
    assert listed["origin"] == "trained here"
    assert listed["trouble"] is None
    assert main(["models", "list"]) == 0
    assert listed["digest"][:12] in capsys.readouterr().out
    assert main(["models", "show", "rhythms/first"]) == 0
    shown = capsys.readouterr().out
    assert f"digest: {listed['digest']}\n" in shown
    assert "recipe.backbone.name: transformer\n" in shown
    assert main(["models", "show", "rhythms/first", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["parameters"] == listed["parameters"]


def test_an_exported_model_is_the_same(imported: Path, capsys: Capture, tmp_path: Path) -> None:
    assert main(["models", "export", "rhythms/first", str(tmp_path / "away")]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'away'}\n"
    for file in ("weights.safetensors", "card.json"):
        assert (tmp_path / "away" / file).read_bytes() == (imported / file).read_bytes()
    assert main(["models", "export", "rhythms/first", str(tmp_path / "farther"), "--json"]) == 0
    exported = json.loads(capsys.readouterr().out)
    assert exported["folder"] == str(tmp_path / "farther")
    assert main(["models", "import", exported["folder"], "--name", "rhythms/second", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again == {"folder": str(imported.with_name("second")), "digest": exported["digest"]}


def test_a_model_is_not_overwritten(imported: Path, capsys: Capture) -> None:
    assert main(["models", "import", str(imported)]) == 1
    assert "a model is copied to a new folder; " in capsys.readouterr().err
    assert main(["models", "import", str(imported), "--name", "rhythms/second"]) == 0
    # What a training takes for a name, an import takes too.
    assert main(["models", "import", str(imported), "--name", "rhythms/v1.2"]) == 0


@pytest.mark.parametrize(
    "name", ["second", "molecules/second", "rhythms/", "rhythms/../../etc", "rhythms/a/b", "rhythms/ÄÖ"]
)
def test_a_name_that_is_none_is_refused(imported: Path, capsys: Capture, name: str) -> None:
    assert main(["models", "import", str(imported), "--name", name]) == 2
    assert 'a model of rhythms is named "rhythms/something": lower-case words, joined by' in capsys.readouterr().err


def test_a_model_that_cannot_be_used_is_listed_with_its_trouble(imported: Path, capsys: Capture) -> None:
    (imported / "card.json").write_text("{}")
    assert main(["models", "list"]) == 0
    assert "unusable: " in capsys.readouterr().out
    assert main(["models", "show", "rhythms/first"]) == 1
    assert "card.json should be a model's card" in capsys.readouterr().err


def test_a_model_of_a_package_that_is_missing_is_listed_with_its_trouble(
    imported: Path, install: Callable[..., None], capsys: Capture
) -> None:
    spec = "ModelSpec(name='rhythms/lost', target='no_such_package:m', summary='', domain='rhythms')"
    install(
        "lost",
        "from genwright.hooks import hookimpl\nfrom genwright.specs import ModelSpec\n"
        f"@hookimpl\ndef register_models():\n    yield {spec}\n",
    )
    registry.cache_clear()
    assert main(["models", "list", "--json"]) == 0
    found = {model["name"]: model["trouble"] for model in json.loads(capsys.readouterr().out)}
    assert found["rhythms/first"] is None
    assert "needs no_such_package:m; got: No module named 'no_such_package'" in found["rhythms/lost"]
    assert main(["models", "show", "rhythms/first"]) == 0


def test_a_torn_or_unsafe_model_is_not_imported(
    rhythms_model: Path, home: Path, tmp_path: Path, capsys: Capture
) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(rhythms_model, torn)
    (torn / "weights.safetensors").write_bytes((rhythms_model / "weights.safetensors").read_bytes()[:1000])
    assert main(["models", "import", str(torn)]) == 1
    assert "that its card names; they have" in capsys.readouterr().err
    (tmp_path / "model.pt").touch()
    assert main(["models", "import", str(tmp_path / "model.pt")]) == 1
    assert "is a pickle, which can run any code" in capsys.readouterr().err
    assert not home.exists()


def test_where_there_is_no_model_the_way_to_one_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("genwright.library.names", lambda registry: iter(()))
    assert main(["models", "list"]) == 1
    assert capsys.readouterr() == ("", "There is no model yet. Train one: genwright train --recipe FILE.\n")
