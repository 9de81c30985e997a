"""The straight lines, on a domain of 32 items."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import genwright as gw
import pluggy
import pytest
from genwright import api
from genwright.errors import (
    CheckpointError,
    ConditionError,
    DataError,
    GenwrightError,
    MismatchError,
    OptionError,
    RecipeError,
    UnknownName,
    UsageError,
)
from genwright.hooks import PROJECT, Observing, hookimpl
from genwright.model import Model
from genwright.recipe import use
from genwright.registry import Registry
from genwright.run import Run
from genwright.samples import Samples
from genwright.specs import ModelSpec, SamplerSpec
from genwright.store import MemoryStore, Record
from genwright.testing.toys import ROUNDS, toy_recipe, toy_registry

pytestmark = pytest.mark.usefixtures("toys")
UseRegistry = Callable[[Registry], Registry]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture(scope="module")
def whole(toy_folder: Path) -> list[str]:
    """A hundred items of seed 5, as one batch."""
    patch = pytest.MonkeyPatch()
    patch.setattr(api, "registry", toy_registry)
    items: list[str] = gw.generate(toy_folder, 100, seed=5, store=False).items
    patch.undo()
    return items


def only(store: MemoryStore) -> Run:
    """Return the one run of a store."""
    (run,) = store.runs()
    return run


# ---- generate


def test_a_model_that_learned_rounds_draws_rounds(whole: list[str]) -> None:
    assert sum(item in ROUNDS for item in whole) > 70
    assert len(set(whole)) > 15


@pytest.mark.parametrize("batch_size", [1, 7, 99, 100, 1000])
def test_samples_do_not_depend_on_the_batch_size(
    toy_model: Model[str], store: MemoryStore, whole: list[str], batch_size: int
) -> None:
    """Every batch once lost the sample after it, whose item zip had taken and thrown away."""
    samples = gw.generate(toy_model, 100, seed=5, store=store, batch_size=batch_size)
    assert samples.items == whole
    assert [sample.index for sample in samples] == list(range(100))
    assert [record.payload.decode() for record in store.samples()] == whole


def test_fewer_samples_are_the_first_of_more(toy_model: Model[str], whole: list[str]) -> None:
    for count in (1, 2, 63):
        assert gw.generate(toy_model, count, seed=5, store=False).items == whole[:count]


def test_a_model_is_given_as_folder_path_or_digest(
    toy_folder: Path, use_registry: UseRegistry, whole: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENWRIGHT_HOME", str(toy_folder.parents[1] / "none"))
    spec = ModelSpec(name="rounds/toy", target=f"genwright:{toy_folder}", summary="", domain="rounds", default=True)
    use_registry(toy_registry(spec))
    digest = Model.load(toy_folder, toy_registry()).checkpoint
    assert digest is not None
    for model in (str(toy_folder), toy_folder, "rounds/toy", "rounds", digest.digest, digest.digest[:10]):
        assert gw.generate(model, 3, seed=5, store=False).items == whole[:3]


def test_seeds_decide_the_samples_and_a_fresh_one_is_recorded(
    toy_model: Model[str], store: MemoryStore, whole: list[str]
) -> None:
    assert gw.generate(toy_model, 20, seed=6, store=False).items != whole[:20]
    drawn = gw.generate(toy_model, 20, store=store)
    assert only(store).seed == drawn[0].seed
    assert gw.generate(toy_model, 20, seed=drawn[0].seed, store=False).items == drawn.items


def test_rows_may_be_any_even_number(toy_model: Model[str], store: MemoryStore) -> None:
    gw.generate(toy_model, 5, seed=5, store=store, rows=4)
    assert only(store).config["rows"] == 4


def test_what_is_asked_for_is_followed(toy_model: Model[str]) -> None:
    means = []
    for letters in (2, 7):
        items = gw.generate(toy_model, 200, seed=1, store=False, where={"letters": letters}).items
        means.append(sum(map(len, items)) / 200)
    assert means[0] + 2 < means[1]


def test_every_sample_starts_with_the_prefix_asked_for(toy_model: Model[str]) -> None:
    assert all(item.startswith("cda") for item in gw.generate(toy_model, 50, store=False, where={"start": "cda"}).items)


def test_a_run_records_all_that_decides_its_samples(toy_model: Model[str], store: MemoryStore) -> None:
    sampler = use("guided", scale=2.0, inner=use("top-p", p=0.9))
    where = {"letters": 3, "start": "ab"}
    samples = gw.generate(toy_model, 9, seed=4, store=store, where=where, sampler=sampler, reviewers=["quiet"])
    run = only(store)
    checkpoint = toy_model.checkpoint
    assert checkpoint is not None
    assert (run.kind, run.state, run.planned, run.seed, run.domain) == ("generate", "finished", 9, 4, "rounds")
    assert (run.model, run.checkpoint) == ("rounds/toy", checkpoint.digest)
    assert run.config == {
        "sampler": {"name": "guided", "scale": 2.0, "inner": {"name": "top-p", "p": 0.9}},
        "sampler_version": 1,
        "where": {"letters": 3.0, "start": "ab"},
        "rows": 128,
        "reviewers": ["quiet"],
        "folder": str(checkpoint.folder),
    }
    assert store.checkpoint(checkpoint.digest).files == checkpoint.files
    assert json.loads(store.checkpoint(checkpoint.digest).card)["name"] == "rounds/toy"
    assert "genwright-toys 1.0" in run.environment.plugins
    assert samples.run.id == run.id
    assert gw.audit(samples[3], store=store).outcome == "identical"


def test_samples_are_checked_spelled_identified_and_reviewed(toy_model: Model[str], store: MemoryStore) -> None:
    samples = gw.generate(toy_model, 100, seed=5, store=store, reviewers=["quiet"])
    for sample, record in zip(samples, store.samples(), strict=True):
        known = sample.item in ROUNDS
        assert sample.is_valid == known
        assert sample.flaw == (None if known else f"{sample.item!r} is no round.")
        assert sample.canonical == (sample.item if known else None)
        assert sample.identity == (f"{sample.item[0]}{len(sample.item)}" if known else None)
        assert [review.passed for review in sample.reviews] == ([len(sample.item) <= 5] if known else [])
        assert (record.flaw, record.canonical, record.identity) == (sample.flaw, sample.canonical, sample.identity)
        assert (record.reviews, record.seed, record.media_type) == (sample.reviews, 5, "text/plain")


def test_numpys_numbers_may_be_asked_for_and_are_recorded_plainly(toy_model: Model[str], store: MemoryStore) -> None:
    import numpy as np

    gw.generate(toy_model, 1, store=store, where={"letters": np.float32(2.5)})
    assert only(store).config["where"] == {"letters": 2.5}


def test_a_store_may_be_given_by_its_url_and_is_closed_in_the_end(
    toy_model: Model[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, closed = [], []

    def open_store(where: Any) -> Any:
        opened.append(where)
        return MemoryStore()

    monkeypatch.setattr("genwright.recording.open_store", open_store)
    monkeypatch.setattr(MemoryStore, "close", lambda self: closed.append(self))
    assert gw.generate(toy_model, 2, store="memory:").store == "memory:"
    assert (opened, len(closed)) == (["memory:"], 1)
    with pytest.raises(UnknownName):
        gw.generate(toy_model, 2, store="memory:", reviewers=["nobody"])
    assert len(closed) == 2


def test_nothing_is_recorded_if_store_is_false(toy_model: Model[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genwright.recording.open_store", lambda where: pytest.fail("a store was opened"))
    monkeypatch.setattr("genwright.evaluation.open_store", lambda where: pytest.fail("a store was opened"))
    samples = gw.generate(toy_model, 3, store=False)
    assert len(samples.report().values) == 1
    assert gw.evaluate(samples, store=False)["soundness"].count == 3


# ---- what cannot be asked for


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n": 0}, OptionError, "n is a whole number of 1 or more; got 0"),
        ({"n": -3}, OptionError, "n is a whole number of 1 or more; got -3"),
        ({"n": True}, OptionError, "n is a whole number of 1 or more; got True"),
        ({"n": 2.0}, OptionError, "n is a whole number of 1 or more; got 2.0"),
        ({"batch_size": 0}, OptionError, "batch_size is a whole number of 1 or more; got 0"),
        ({"rows": 1}, OptionError, "rows is an even number of 2 or more; got 1. The default is 128"),
        ({"rows": 7}, OptionError, "rows is an even number of 2 or more; got 7"),
        ({"rows": 4.0}, OptionError, "rows is an even number of 2 or more; got 4.0"),
        ({"seed": -1}, OptionError, r"seed is a whole number from 0 to 2\^63 - 1; got -1"),
        ({"seed": 2**63}, OptionError, r"seed is a whole number from 0 to 2\^63 - 1; got 9223372036854775808"),
        ({"seed": True}, OptionError, "seed is a whole number .* got True"),
        ({"seed": 1.0}, OptionError, "seed is a whole number .* got 1.0"),
        ({"sampler": "top-q"}, UnknownName, "no sampler named 'top-q'. Did you mean 'top-p'"),
        ({"sampler": 7}, RecipeError, "a component is a name, or a table with a name and options; got 7"),
        (
            {"sampler": use("top-p", q=0.5)},
            OptionError,
            "sampler 'top-p' has no option 'q'. Its options: p, temperature",
        ),
        ({"sampler": use("top-p", p="x")}, OptionError, "option 'p' of sampler 'top-p' takes a number; got 'x'"),
        ({"sampler": use("top-p", p=2.0)}, OptionError, "p is above 0 and at most 1; got 2.0"),
        ({"sampler": use("guided", inner="top-q")}, UnknownName, "no sampler named 'top-q'"),
        ({"sampler": "heun"}, MismatchError, "sampler 'heun' needs a denoiser, but family 'autoregressive' is read as"),
        ({"reviewers": ["quite"]}, UnknownName, "no reviewer named 'quite'. Did you mean 'quiet'"),
        ({"where": {"leters": 3}}, UnknownName, "no condition of rounds named 'leters'. Did you mean 'letters'"),
        ({"where": {"letters": 9}}, ConditionError, "condition 'letters' takes 1 to 8; got 9. Choose a value in"),
        ({"where": {"letters": float("nan")}}, ConditionError, "takes 1 to 8; got nan"),
        ({"where": {"letters": "many"}}, ConditionError, "takes a number; got 'many'. Example: letters=1"),
        ({"where": {"letters": True}}, ConditionError, "takes a number; got True"),
        ({"where": {"first": "z"}}, ConditionError, "condition 'first' takes one of a, b, c, d; got 'z'"),
        (
            {"where": {"first": "a"}},
            ConditionError,
            r"this model learned letters. Train one with conditions = \['first'\]",
        ),
        ({"where": {"start": 3}}, ConditionError, "condition 'start' takes text; got int"),
        ({"where": {"start": "xyz"}}, ConditionError, "a round starts with up to 8 letters of abcd; got 'xyz'"),
        ({"where": {"start": "a\0b"}}, ConditionError, "takes plain text; got NUL or a lone surrogate in it. Remove"),
        ({"where": {"start": "a\ud800"}}, ConditionError, "takes plain text; got NUL or a lone surrogate in it"),
        ({"where": {"start": "a" * 1_000_000}}, ConditionError, "at most 4096 characters; got 1,000,000. Shorten it"),
        ({"model": "rounds/toi"}, UnknownName, "no model named 'rounds/toi'. Did you mean 'rounds/toy'"),
        ({"model": "a\0b"}, UnknownName, "no model named"),
        ({"model": "a\ud800b"}, UnknownName, "no model named"),
        ({"model": "a" * 100_000}, UnknownName, "no model named"),
        ({"model": "rounds"}, UnknownName, "The domain 'rounds' has no model yet: train one"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_recorded(
    toy_folder: Path,
    store: MemoryStore,
    use_registry: UseRegistry,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    error: type[GenwrightError],
    message: str,
) -> None:
    monkeypatch.setenv("GENWRIGHT_HOME", str(toy_folder / "none"))
    model = ModelSpec(name="rounds/toy", target=f"genwright:{toy_folder}", summary="", domain="rounds")
    use_registry(toy_registry(model, SamplerSpec(name="heun", target="x:Y", summary="", reads="denoiser")))
    given = {"model": "rounds/toy", "n": 3, "store": store, **changes}
    with pytest.raises(error, match=message):
        gw.stream(given.pop("model"), given.pop("n"), **given)
    assert list(store.runs()) == []
    assert store.info()["checkpoints"] == 0


def test_a_model_in_training_cannot_generate(toy_model: Model[str], store: MemoryStore) -> None:
    with pytest.raises(UsageError, match=r"from a model with a checkpoint; this one is in training. Save it first"):
        gw.generate(replace(toy_model, checkpoint=None), 3, store=store)
    assert list(store.runs()) == []


# ---- stopping and resuming


def test_a_consumer_that_stops_early_leaves_an_interrupted_run_whose_samples_can_be_read(
    toy_model: Model[str], store: MemoryStore, whole: list[str]
) -> None:
    for batch in itertools.islice(gw.stream(toy_model, 100, seed=5, store=store, batch_size=10), 3):
        assert len(batch) == 10
    run = only(store)
    assert (run.state, run.error) == ("interrupted", "GeneratorExit")
    assert [record.payload.decode() for record in store.samples()] == whole[:30]
    assert list(store.missing(run.id)) == list(range(30, 100))


def forget(store: MemoryStore, run: str, indices: set[int]) -> None:
    for index in indices:
        del store._samples[run][index]


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


def test_a_run_that_is_being_resumed_is_running_and_keeps_its_notes(toy_model: Model[str], store: MemoryStore) -> None:
    gw.generate(toy_model, 20, seed=5, store=store)
    run = only(store)
    store.finish_run(run.id, "interrupted", notes=["an observer failed"])
    forget(store, run.id, {3, 4})
    batches = gw.resume(run.id[:8], store=store, batch_size=1)
    next(batches)
    assert (only(store).state, only(store).notes) == ("running", ("an observer failed",))
    list(batches)
    assert (only(store).state, only(store).notes) == ("finished", ("an observer failed",))


def test_resuming_elsewhere_is_noted(toy_model: Model[str], store: MemoryStore) -> None:
    gw.generate(toy_model, 4, seed=5, store=store)
    run = only(store)
    old = replace(run.environment, threads=64)
    store._runs[run.id] = replace(run, environment=old)
    forget(store, run.id, {3})
    assert len(list(gw.resume(store=store))) == 1
    assert only(store).notes == (f"resumed where threads was 64, is {run.environment.threads}",)


def test_a_run_that_is_complete_has_nothing_to_resume(toy_model: Model[str], store: MemoryStore) -> None:
    gw.generate(toy_model, 4, store=store)
    assert list(gw.resume(store=store)) == []
    assert only(store).state == "finished"


def test_only_runs_that_generate_are_resumed(toy_model: Model[str], store: MemoryStore) -> None:
    gw.audit(gw.generate(toy_model, 1, store=store)[0], store=store)
    with pytest.raises(UsageError, match="should be one that generated samples; it is of kind 'replay'"):
        gw.resume(store=store)
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
    (note,) = only(store).notes
    assert note == r"plugin 'bad' failed in on_samples and observed no further: ValueError: no \ud800 disk"
    assert only(store).state == "finished"


def test_a_run_that_fails_says_why(toy_model: Model[str], store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: object, item: str) -> str | None:
        raise RuntimeError("a \0 in the works")

    monkeypatch.setattr(type(toy_model.domain), "check", fail)
    with pytest.raises(RuntimeError, match="in the works"):
        gw.generate(toy_model, 3, store=store)
    assert (only(store).state, only(store).error) == ("failed", r"RuntimeError: a \0 in the works")


# ---- audit and replay


@pytest.fixture
def recorded(toy_model: Model[str], store: MemoryStore) -> Samples[str]:
    return gw.generate(toy_model, 30, seed=5, store=store)


def tampered(store: MemoryStore, sample: str, **changes: Any) -> Record:
    record = replace(store.sample(sample), **changes)
    store._samples[record.run][record.index] = record
    return record


def test_a_replay_is_identical_and_recorded(store: MemoryStore, recorded: Samples[str]) -> None:
    verdicts = list(gw.replay(store=store))
    assert [verdict.sample for verdict in verdicts] == [sample.id for sample in recorded]
    assert {(verdict.outcome, verdict.reason, verdict.drift) for verdict in verdicts} == {("identical", "", ())}
    replay = next(iter(store.runs()))
    assert (replay.kind, replay.parent, replay.state, replay.planned) == ("replay", recorded.run.id, "finished", 0)
    assert [(score.metric, score.value) for score in store.scores(replay.id)] == [("replay/identical", 30)]


def test_one_sample_is_audited_by_itself_and_its_replay_is_finished(store: MemoryStore, recorded: Samples[str]) -> None:
    """The replay was once left at its first verdict, and recorded as interrupted."""
    for sample in (recorded[29], recorded[7].id):
        assert gw.audit(sample, store=store).outcome == "identical"
    assert [run.state for run in store.runs(kind="replay")] == ["finished", "finished"]


def test_a_sample_that_was_changed_is_different(store: MemoryStore, recorded: Samples[str]) -> None:
    record = tampered(store, recorded[4].id, payload=b"dddd", canonical="dddd")
    verdict = gw.audit(recorded[4], store=store)
    assert verdict.outcome == "different"
    assert verdict.reason == f"{recorded[4].item.encode()!r} in place of b'dddd'"
    assert str(verdict) == f"{record.id}: different, {verdict.reason}"
    assert [v.outcome for v in gw.replay(recorded.run.id, store=store)].count("different") == 1


def test_a_payload_that_is_long_is_shown_in_part(store: MemoryStore, recorded: Samples[str]) -> None:
    tampered(store, recorded[4].id, payload=b"d" * 1000, canonical=None)
    assert gw.audit(recorded[4], store=store).reason.endswith(f"in place of {b'd' * 60!r}… (1,000 bytes)")


def test_another_spelling_of_the_same_item_is_close(store: MemoryStore, recorded: Samples[str]) -> None:
    sample = recorded.valid[0]
    tampered(store, sample.id, payload=sample.item.upper().encode())
    verdict = gw.audit(sample, store=store)
    assert verdict.outcome == "close"
    assert verdict.reason.startswith(f"another spelling of {sample.canonical}: ")


def test_a_verdict_that_is_not_identical_names_what_differs_here(store: MemoryStore, recorded: Samples[str]) -> None:
    run = recorded.run
    store._runs[run.id] = replace(store.run(run.id), environment=replace(run.environment, threads=64))
    assert gw.audit(recorded[0], store=store).drift == ()
    tampered(store, recorded[0].id, payload=b"dddd", canonical=None)
    verdict = gw.audit(recorded[0], store=store)
    assert verdict.drift == (f"threads was 64, is {run.environment.threads}",)
    assert str(verdict).endswith(f"\n  threads was 64, is {run.environment.threads}")


def test_a_sample_whose_model_is_gone_is_not_repeatable(
    store: MemoryStore, toy_model: Model[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path / "none"))
    moved = toy_model.save(tmp_path / "toy", name="rounds/moved", training={})
    samples = gw.generate(moved.folder, 3, store=store)
    moved.folder.rename(tmp_path / "away")
    verdicts = list(gw.replay(store=store))
    assert {verdict.outcome for verdict in verdicts} == {"not repeatable"}
    assert f"model {moved.digest[:12]} is needed; none of the models here is it" in verdicts[0].reason
    with pytest.raises(CheckpointError, match="genwright models import FOLDER"):
        gw.resume(samples.run.id, store=store)


def test_a_sample_whose_model_was_replaced_is_not_repeatable(
    store: MemoryStore, toy_model: Model[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENWRIGHT_HOME", str(tmp_path / "none"))
    saved = toy_model.save(tmp_path / "toy", name="rounds/moved", training={})
    gw.generate(saved.folder, 3, store=store)
    card = saved.folder / "card.json"
    card.write_text(card.read_text().replace("rounds/moved", "rounds/other"))
    assert gw.audit("LAST/0", store=store).outcome == "not repeatable"


def test_a_sample_whose_sampler_has_another_version_is_not_repeatable_nor_resumed(
    store: MemoryStore, recorded: Samples[str]
) -> None:
    config = {**recorded.run.config, "sampler_version": 3}
    store._runs[recorded.run.id] = replace(store.run(recorded.run.id), config=config)
    verdict = gw.audit(recorded[0], store=store)
    assert verdict.outcome == "not repeatable"
    assert "drew with version 3 of sampler 'temperature'; this is version 1" in verdict.reason
    with pytest.raises(MismatchError, match="version 3 of sampler"):
        gw.resume(recorded.run.id, store=store)


def test_what_is_not_recorded_cannot_be_audited(store: MemoryStore, recorded: Samples[str]) -> None:
    with pytest.raises(UnknownName, match=f"no sample named '{recorded.run.id}/30'"):
        gw.audit(f"{recorded.run.id}/30", store=store)
    with pytest.raises(UnknownName, match="no run named 'feed'"):
        gw.replay("feed", store=store)


# ---- evaluate


def test_a_report_without_a_reference_leaves_out_what_needs_one(store: MemoryStore, recorded: Samples[str]) -> None:
    report = recorded.report()
    assert list(report) == ["soundness"]
    assert report["soundness"].value == len(recorded.valid) / 30
    assert report.baseline == {}
    (score,) = store.scores(recorded.run.id)
    assert (score.metric, score.value, score.detail) == ("soundness", report["soundness"].value, "")


@pytest.mark.parametrize("form", ["items", "file"])
def test_a_report_beside_a_reference(recorded: Samples[str], store: MemoryStore, rounds_file: Path, form: str) -> None:
    reference = list(ROUNDS) if form == "items" else rounds_file
    report = gw.evaluate(recorded, reference=reference)
    assert report["variety"].value == len(set(recorded.items) & set(ROUNDS)) / 32
    assert report.baseline["soundness"].value == 1.0
    assert report.baseline["variety"].value == 30 / 32
    name = "32 items" if form == "items" else str(rounds_file)
    assert report.reference == name
    assert {score.detail for score in store.scores(recorded.run.id)} == {f"reference {name}"}
    assert store.scores(recorded.run.id)[1].error == 0.5
    assert gw.evaluate(recorded, reference=reference, baseline=False).baseline == {}


def test_items_alone_are_evaluated_with_their_domain(store: MemoryStore) -> None:
    report = gw.evaluate(["ab", "ba"], domain="rounds", metrics=["soundness"])
    assert report["soundness"].value == 0.5
    with pytest.raises(UsageError, match=r"items alone do not say what they are. Give domain="):
        gw.evaluate(["ab"])


def test_what_cannot_be_evaluated_is_said(recorded: Samples[str], tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"no metric named 'sondness'. Did you mean 'soundness'"):
        recorded.report(metrics=["sondness"])
    with pytest.raises(UnknownName, match=r"no domain named 'round'. Did you mean 'rounds'"):
        gw.evaluate(["ab"], domain="round")
    with pytest.raises(UsageError, match="metrics are computed from samples; there are none"):
        gw.evaluate([], domain="rounds")
    (tmp_path / "empty.txt").write_text("")
    with pytest.raises(DataError, match=r"a reference holds items of rounds; .*empty\.txt holds none"):
        recorded.report(reference=tmp_path / "empty.txt")


def test_values_are_recorded_where_they_are_wanted(recorded: Samples[str], store: MemoryStore) -> None:
    gw.evaluate(recorded, store=False)
    assert store.scores(recorded.run.id) == []
    with pytest.raises(UnknownName, match="no run named"):
        gw.evaluate(recorded, store=MemoryStore())


# ---- train


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
    assert model.checkpoint is not None
    card = json.loads(store.checkpoint(model.checkpoint.digest).card)
    assert card["training"]["steps"] == 4
    assert card["training"]["examples"] == 128
    assert 0.5 < card["training"]["held_out_loss"] < 3
    assert len(gw.generate(model, 3, store=store)) == 3


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


def test_observers_are_told_of_training_steps(tmp_path: Path, rounds_file: Path, use_registry: UseRegistry) -> None:
    watcher = Watcher()
    use_registry(watched(good=watcher))
    gw.train(quick(rounds_file), folder=tmp_path / "m", store=False, device="cpu", log_every=2)
    assert watcher.told == ["started train", "step 2", "step 4", "finished NoneType"]


def test_items_that_cannot_be_trained_on_are_counted(tmp_path: Path, rounds_file: Path) -> None:
    short = quick(rounds_file, encoder=use("letters", length=5))
    with pytest.warns(UserWarning, match="48 of 128 items were left out of training"):
        model = gw.train(short, folder=tmp_path / "m", store=False, device="cpu")
    assert model.checkpoint is not None
    assert model.checkpoint.card["training"]["examples"] == 80


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
        ({"conditions": ("first",)}, RecipeError, "learned from what items measure; 'first' is not measured"),
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


def test_a_folder_that_is_taken_is_refused_before_training(tmp_path: Path, rounds_file: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="is not empty"):
        gw.train(quick(rounds_file), folder=tmp_path, store=False, on_report=lambda progress: pytest.fail("trained"))


@pytest.mark.parametrize(
    "name", ["quick", "rounds", "rounds/", "other/quick", "rounds/../quick", "rounds/A b", "rounds/a/b"]
)
def test_a_model_is_named_after_its_domain(tmp_path: Path, rounds_file: Path, name: str) -> None:
    with pytest.raises(OptionError, match=r'a model of rounds is named "rounds/something", in lower case; got '):
        gw.train(quick(rounds_file), name=name, folder=tmp_path / "m", store=False)
