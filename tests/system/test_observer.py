"""The plugin in examples/new_observer sees runs once it is installed, and its troubles stop none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

import genwright as gw
from genwright.registry import registry

SOURCE = Path(__file__).parents[2] / "examples" / "new_observer" / "src"


@pytest.fixture
def tally(rhythms: Path, site: Path, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(SOURCE, site, dirs_exist_ok=True)
    install("tally", "from genwright_tally.plugin import *\n")
    registry.cache_clear()
    monkeypatch.chdir(site)


def test_each_run_adds_a_line_of_its_flaws(tally: None, rhythms_model: Path, site: Path) -> None:
    batch = gw.generate(str(rhythms_model), 40, seed=5, store=False)
    flawed = len(batch) - len(batch.valid)
    [line] = (site / "flaws.log").read_text().splitlines()
    assert line.startswith(f"generate {batch.run.id} finished: ")
    assert flawed
    assert sum(int(part.split(" x ")[0]) for part in line.partition(": ")[2].split("; ")) == flawed


def test_an_observer_that_fails_is_noted_and_the_run_goes_on(tally: None, rhythms_model: Path, site: Path) -> None:
    (site / "flaws.log").mkdir()
    with closing(gw.open_store("memory:")) as store:
        batch = gw.generate(str(rhythms_model), 4, seed=5, store=store)
        run = store.run(batch.run.id)
    assert run.state == "finished"
    (note,) = (note for note in run.notes if not note.startswith("kernels: "))
    assert "plugin 'tally' failed in on_run_finished and observed no further: IsADirectoryError" in note
