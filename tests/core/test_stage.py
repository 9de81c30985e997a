from __future__ import annotations

from pathlib import Path

import pytest

import genwright as gw
from genwright.errors import MismatchError, OptionError, UsageError
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.registry import Registry

pytestmark = pytest.mark.usefixtures("toys")


def test_samples_are_seen_while_they_are_drawn_and_then_recorded(toy_model: Model[str], store: MemoryStore) -> None:
    wanted = gw.generate(toy_model, 3, seed=5, rows=1, store=False)
    stages = gw.stages(toy_model, 3, seed=5, store=store, size=2)
    recorded = []
    for stage in stages:
        item = wanted[stage.index].item
        assert item.startswith(stage.item)
        if stage.sample is not None:
            assert stage.item == stage.sample.item == item
            recorded.append(stage.sample)
        assert [record.index for record in store.samples()] == [sample.index for sample in recorded]
    assert [sample.index for sample in recorded] == [0, 1, 2]
    (run,) = store.runs()
    assert (run.state, run.planned, run.config["rows"]) == ("finished", 3, 1)
    assert [gw.audit(sample, store=store).outcome for sample in recorded] == ["identical"] * 3


def test_what_is_left_in_the_middle_is_drawn_by_resuming(toy_model: Model[str], store: MemoryStore) -> None:
    wanted = gw.generate(toy_model, 3, seed=5, rows=1, store=False).items
    stages = gw.stages(toy_model, 3, seed=5, store=store)
    assert next(stage for stage in stages if stage.index == 1).sample is None
    stages.close()
    (run,) = store.runs()
    assert (run.state, [record.index for record in store.samples()]) == ("interrupted", [0])
    assert [sample.item for batch in gw.resume(run.id, store=store) for sample in batch] == wanted[1:]


def test_the_last_stage_is_of_a_run_that_has_ended(toy_model: Model[str], store: MemoryStore) -> None:
    *_, last = gw.stages(toy_model, seed=5, store=store)
    assert last.run.state == "finished"
    assert last.sample is not None
    assert last.sample.id == f"{last.run.id}/0"


def test_reviewers_say_what_they_think_of_each(toy_model: Model[str]) -> None:
    found = [stage.sample for stage in gw.stages(toy_model, 4, seed=5, store=False, reviewers=["quiet"])]
    assert all(len(sample.reviews) == sample.is_valid for sample in found if sample is not None)


def test_what_cannot_be_is_refused_before_anything_is_recorded(
    toy_model: Model[str], vae_folder: Path, small: Registry, store: MemoryStore
) -> None:
    with pytest.raises(MismatchError, match="'vae' gives them whole"):
        gw.stages(vae_folder, store=store)
    with pytest.raises(UsageError, match="size is a whole number from 1"):
        gw.stages(toy_model, size=0, store=store)
    with pytest.raises(OptionError, match="seed is a whole number"):
        gw.stages(toy_model, seed=-1, store=store)
    assert list(store.runs()) == []
