"""A plugin that core knows nothing of is trained, sampled from and recorded, through the public contract alone."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from genwright.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Models and caches of these tests are kept apart from the user's."""
    for name in ("GENWRIGHT_HOME", "GENWRIGHT_CACHE"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR", raising=False)
    return tmp_path


def test_the_example_domain_is_trained_and_generates(rhythms: Path, home: Path) -> None:
    import genwright as gw

    recipe = Path(__file__).parents[2] / "examples" / "new_domain" / "recipe.toml"
    data = gw.Recipe.read(recipe).to_json() | {"steps": 20, "batch_size": 16, "warmup": 5}
    data["backbone"] |= {"width": 16, "depth": 1, "heads": 2}
    model = gw.train(gw.Recipe.from_json(data), store="memory:", folder=home / "model", device="cpu")
    batch = gw.generate(model, 24, seed=7, where={"strokes": 5, "prefix": "x."}, store="memory:")
    assert len(batch) == 24
    assert all(sample.item.startswith("x.") for sample in batch)
    again = gw.generate(home / "model", 8, seed=7, where={"strokes": 5, "prefix": "x."}, store="memory:")
    assert again.items == batch.items[:8]


def test_the_example_passes_the_conformance_kit(
    rhythms: Path, site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    assert main(["plugins", "check", "rhythms", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) > 15


def test_its_data_and_conditions_are_found_by_name(
    rhythms: Path, capsys: pytest.CaptureFixture[str], install: Callable[..., None]
) -> None:
    assert main(["data", "show", "rhythms", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["where"] == str(rhythms / "rhythms.txt")
    assert shown["items"] == sum(
        not line.startswith("#") for line in (rhythms / "rhythms.txt").read_text().splitlines()
    )
