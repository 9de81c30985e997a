from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pluggy
import pytest

import genwright as gw
from genwright import kernels
from genwright.errors import (
    StoreError,
    UnknownName,
    UsageError,
)
from genwright.hooks import PROJECT, Observing, hookimpl
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.registry import Registry
from genwright.run import Run
from genwright.samples import Samples
from genwright.testing.toys import toy_recipe, toy_registry

pytestmark = pytest.mark.usefixtures("toys")
UseRegistry = Callable[[Registry], Registry]


def only(store: MemoryStore) -> Run:
    """Return the one run of a store."""
    (run,) = store.runs()
    return run


def test_a_consumer_that_stops_early_leaves_an_interrupted_run_whose_samples_can_be_read(
    toy_model: Model[str], store: MemoryStore, whole: list[str]
) -> None:
    for batch in itertools.islice(gw.stream(toy_model, 100, seed=5, store=store, batch_size=10), 3):
        assert len(batch) == 10
    run = only(store)
    assert (run.state, run.error) == ("interrupted", "GeneratorExit")
    assert [record.payload.decode() for record in store.samples()] == whole[:30]
    assert list(store.missing(run.id)) == list(range(30, 100))


def test_a_consumer_that_stops_at_the_last_batch_leaves_a_finished_run(
    toy_model: Model[str], store: MemoryStore, whole: list[str]
) -> None:
    drawn = gw.stream(toy_model, 20, seed=5, store=store, batch_size=10)
    assert [sample.item for sample in next(drawn)] == whole[:10]
    assert [sample.item for sample in next(drawn)] == whole[10:20]
    drawn.close()
    assert only(store).state == "finished"


def forget(store: MemoryStore, run: str, indices: set[int]) -> None:
    for index in indices:
        del store._samples[run][index]


def noted(store: MemoryStore) -> list[str]:
    """Return the notes of the only run, without which kernels served."""
    return [note for note in only(store).notes if not note.startswith("kernels: ")]


def test_a_run_notes_which_kernels_served_it(toy_model: Model[str], store: MemoryStore) -> None:
    with kernels.use("reference"):
        drawn = gw.generate(toy_model, 3, seed=5, store=store)
    (note,) = drawn.run.notes
    assert only(store).notes == (note,)
    assert note.startswith("kernels: adaptive_norm by reference; decode_attention by reference; linear by reference")
    forget(store, only(store).id, {1})
    list(gw.resume(store=store))
    assert only(store).notes == (note,)


def test_a_replay_notes_which_kernels_served_it_too(toy_model: Model[str], store: MemoryStore) -> None:
    with kernels.use("reference"):
        gw.generate(toy_model, 3, seed=5, store=store)
    assert {verdict.outcome for verdict in gw.replay(store=store)} == {"identical"}
    (run,), (replay,) = store.runs(kind="generate"), store.runs(kind="replay")
    assert run.notes == replay.notes


def test_resuming_draws_exactly_what_is_missing(toy_model: Model[str], store: MemoryStore, whole: list[str]) -> None:
    gw.generate(toy_model, 100, seed=5, store=store, reviewers=["quiet"])
    run = only(store)
    complete = list(store.samples())
    gone = {0, 17, 18, 60, *range(90, 100)}
    forget(store, run.id, gone)
    drawn = [sample for batch in gw.resume(store=store, batch_size=4) for sample in batch]
    assert [sample.index for sample in drawn] == sorted(gone)
    assert [sample.item for sample in drawn] == [whole[index] for index in sorted(gone)]
    assert list(store.samples()) == complete
    assert only(store).state == "finished"


def test_a_run_is_resumed_in_a_store() -> None:
    with pytest.raises(UsageError, match=r"a run is resumed in the store that holds it; got store=False. Name"):
        gw.resume(store=False)  # type: ignore[arg-type]


def test_a_run_that_is_being_resumed_is_running_and_keeps_its_notes(toy_model: Model[str], store: MemoryStore) -> None:
    gw.generate(toy_model, 20, seed=5, store=store)
    run = only(store)
    store.finish_run(run.id, "interrupted", notes=["an observer failed"])
    forget(store, run.id, {3, 4})
    batches = gw.resume(run.id[:8], store=store, batch_size=1)
    next(batches)
    assert (only(store).state, only(store).notes) == ("running", ("an observer failed",))
    list(batches)
    assert (only(store).state, noted(store)) == ("finished", ["an observer failed"])


def test_resuming_elsewhere_is_noted(toy_model: Model[str], store: MemoryStore) -> None:
    gw.generate(toy_model, 4, seed=5, store=store)
    run = only(store)
    old = replace(run.environment, python="3.9.9")
    store._runs[run.id] = replace(run, environment=old)
    forget(store, run.id, {3})
    assert len(list(gw.resume(store=store))) == 1
    changed = f"resumed where python was 3.9.9, is {run.environment.python}"
    assert [note for note in noted(store) if "python" in note] == [changed]


def test_a_run_that_is_complete_has_nothing_to_resume(toy_model: Model[str], store: MemoryStore) -> None:
    gw.generate(toy_model, 4, store=store)
    assert list(gw.resume(store=store)) == []
    assert only(store).state == "finished"


def test_only_runs_that_generate_are_resumed(toy_model: Model[str], store: MemoryStore) -> None:
    gw.audit(gw.generate(toy_model, 1, store=store)[0], store=store)
    (replay,) = store.runs(kind="replay")
    with pytest.raises(UsageError, match="should be one that generated samples; it is of kind 'replay'"):
        gw.resume(replay.id, store=store)
    with pytest.raises(UnknownName, match="no run named 'feed'"):
        gw.resume("feed", store=store)


# ---- observers


class Watcher:
    """An observer that keeps what it is told, and fails in one moment."""

    def __init__(self, failing: str = "") -> None:
        self.failing = failing
        self.told: list[str] = []

    def _tell(self, moment: str, what: object = "") -> None:
        self.told.append(f"{moment} {what}".strip())
        if moment == self.failing:
            raise ValueError("no \ud800 disk")

    @hookimpl
    def on_run_started(self, run: Run) -> None:
        self._tell("started", run.kind)

    @hookimpl
    def on_step(self, step: int, losses: Mapping[str, float]) -> None:
        self._tell("step", step)

    @hookimpl
    def on_samples(self, samples: Samples[str]) -> None:
        self._tell("samples", len(samples))

    @hookimpl
    def on_run_finished(self, error: BaseException | None) -> None:
        self._tell("finished", type(error).__name__)


def watched(**watchers: Watcher) -> Registry:
    hooks = {}
    for name, watcher in watchers.items():
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(Observing)
        manager.register(watcher)
        hooks[name] = manager.hook
    return toy_registry(hooks=hooks)


def test_observers_are_told_of_a_run(toy_model: Model[str], use_registry: UseRegistry) -> None:
    watcher = Watcher()
    use_registry(watched(good=watcher))
    gw.generate(toy_model, 5, store=False, batch_size=2)
    assert watcher.told == ["started generate", "samples 2", "samples 2", "samples 1", "finished NoneType"]


def test_an_observer_that_fails_is_detached_and_noted(
    toy_model: Model[str], store: MemoryStore, use_registry: UseRegistry
) -> None:
    bad, good = Watcher("samples"), Watcher()
    use_registry(watched(bad=bad, good=good))
    assert len(gw.generate(toy_model, 6, store=store, batch_size=2)) == 6
    assert bad.told == ["started generate", "samples 2"]
    assert len(good.told) == 5
    (note,) = noted(store)
    assert note == r"plugin 'bad' failed in on_samples and observed no further: ValueError: no \ud800 disk"
    assert only(store).state == "finished"


def test_a_run_that_fails_says_why(toy_model: Model[str], store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, item: str) -> str | None:
        raise RuntimeError("a \0 in the works")

    monkeypatch.setattr(type(toy_model.domain), "check", fail)
    with pytest.raises(RuntimeError, match="in the works"):
        gw.generate(toy_model, 3, store=store)
    assert (only(store).state, only(store).error) == ("failed", r"RuntimeError: a \0 in the works")


def test_a_store_that_fails_in_the_end_does_not_hide_why(
    toy_model: Model[str], store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error that ended the run once gave way to that of the store."""

    def fail(*args: object, **kwargs: object) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(store, "finish_run", fail)
    with pytest.raises(StoreError, match="the disk is gone"):
        gw.generate(toy_model, 3, store=store)
    monkeypatch.setattr(type(toy_model.domain), "check", lambda self, item: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        gw.generate(toy_model, 3, store=store)
    newest = next(store.runs())
    assert caught.value.__notes__ == [f"The end of run {newest.id} could not be recorded: the disk is gone"]


def test_observers_are_told_of_training_steps(tmp_path: Path, rounds_file: Path, use_registry: UseRegistry) -> None:
    watcher = Watcher()
    use_registry(watched(good=watcher))
    gw.train(
        toy_recipe(rounds_file, steps=4, batch_size=8), folder=tmp_path / "m", store=False, device="cpu", log_every=2
    )
    assert watcher.told == ["started train", "step 2", "step 4", "finished NoneType"]
