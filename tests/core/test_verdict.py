from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright import kernels
from genwright.builtin import register_samplers
from genwright.domain import Difference
from genwright.errors import (
    CheckpointError,
    MismatchError,
    StoreReadOnly,
    UnknownName,
)
from genwright.generation import Generation
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.registry import Plugin, Registry
from genwright.samples import Samples
from genwright.store import Record
from genwright.testing.toys import Rounds, toy_registry

pytestmark = pytest.mark.usefixtures("toys")
UseRegistry = Callable[[Registry], Registry]


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


def test_a_replay_is_not_recorded_where_the_store_can_only_be_read(
    store: MemoryStore, recorded: Samples[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing could once be replayed from a store that was handed on for that."""

    def refuse(*_: Any, **__: Any) -> None:
        raise StoreReadOnly("the store can only be read")

    for method in ("put_run", "finish_run", "put_scores"):
        monkeypatch.setattr(store, method, refuse)
    with pytest.warns(UserWarning, match="memory: can only be read, so this replay is not recorded"):
        verdicts = list(gw.replay(store=store))
    assert [verdict.outcome for verdict in verdicts] == ["identical"] * 30
    assert [run.kind for run in store.runs()] == ["generate"]


def test_a_sample_that_was_changed_is_different(store: MemoryStore, recorded: Samples[str]) -> None:
    record = tampered(store, recorded[4].id, payload=b"dddd", canonical="dddd")
    verdict = gw.audit(recorded[4], store=store)
    assert verdict.outcome == "different"
    assert verdict.reason == f"{recorded[4].item.encode()!r} in place of b'dddd'"
    assert verdict.difference == Difference(size=5, unit="characters", where="from character 1", close=False)
    told = f"largest difference 5 characters, from character 1: {verdict.reason}"
    assert str(verdict) == f"{record.id}: different, {told}"
    assert [v.outcome for v in gw.replay(recorded.run.id, store=store)].count("different") == 1


def test_a_difference_within_the_tolerance_of_the_domain_is_close_and_where_it_is_largest_is_told(
    store: MemoryStore, recorded: Samples[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def difference(self: Rounds, ours: str, theirs: str) -> Difference:
        return Difference(size=0.25, unit="notes", where="at 1.5 s", close=theirs == "near")

    monkeypatch.setattr(Rounds, "difference", difference)
    tampered(store, recorded[4].id, payload=b"near", canonical=None)
    tampered(store, recorded[5].id, payload=b"far", canonical=None)
    near, far = (gw.audit(sample, store=store) for sample in recorded[4:6])
    assert (near.outcome, far.outcome) == ("close", "different")
    assert near.told.startswith("largest difference 0.25 notes, at 1.5 s: ")


def test_bytes_on_record_that_are_no_item_are_different(
    store: MemoryStore, recorded: Samples[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rounds, "from_bytes", lambda self, data: 1 / 0)
    tampered(store, recorded[4].id, payload=b"\xff\x00", canonical=None, media_type="image/png")
    with pytest.warns(UserWarning, match=r"/4 on record cannot be compared: ZeroDivisionError"):
        verdict = gw.audit(recorded[4], store=store)
    assert (verdict.outcome, verdict.difference) == ("different", None)
    assert verdict.reason == f"{len(recorded[4].item)} bytes in place of 2 bytes"


def test_what_cannot_be_drawn_again_does_not_stop_the_rest_and_is_recorded(
    store: MemoryStore, recorded: Samples[str], toy_model: Model[str]
) -> None:
    other = gw.generate(toy_model, 3, seed=6, store=store)
    config = {name: value for name, value in other.run.config.items() if name != "sampler"}
    store._runs[other.run.id] = replace(store.run(other.run.id), config=config)
    verdicts = list(gw.replay(None, store=store))
    assert Counter(verdict.outcome for verdict in verdicts) == {"identical": 30, "not repeatable": 3}
    refused = next(verdict for verdict in verdicts if verdict.outcome == "not repeatable")
    assert f"the config of run {other.run.id} should say how it drew; it has no sampler. " in refused.reason
    replay = next(run for run in store.runs(kind="replay") if run.parent == other.run.id)
    [score] = store.scores(replay.id)
    assert (score.metric, score.value, replay.state) == ("replay/not repeatable", 3, "finished")
    assert score.detail == f"0-2: {refused.reason}"


def test_what_was_invariant_by_other_rows_is_not_drawn_by_sixteen(store: MemoryStore, toy_model: Model[str]) -> None:
    with kernels.use(invariant=True):
        samples = gw.generate(toy_model, 3, seed=6, store=store)
    assert {verdict.outcome for verdict in gw.replay(store=store)} == {"identical"}
    config = samples.run.config | {"rows": 128}
    store._runs[samples.run.id] = replace(store.run(samples.run.id), config=config)
    [refused, *_] = gw.replay(store=store)
    assert refused.outcome == "not repeatable"
    assert "asked for invariant kernels at 128 rows; since then they are drawn 16 at a time" in refused.reason


def test_a_model_is_loaded_once_for_all_runs_of_it(
    store: MemoryStore, recorded: Samples[str], toy_model: Model[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in (6, 7):
        gw.generate(toy_model, 3, seed=seed, store=store)
    loaded, load = [], Model.load.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(Model, "load", classmethod(lambda cls, *a, **k: loaded.append(a) or load(cls, *a, **k)))
    assert {verdict.outcome for verdict in gw.replay(None, store=store)} == {"identical"}
    assert len(loaded) == 1
    assert len(list(store.runs(kind="replay"))) == 3


def test_a_replay_that_is_left_early_keeps_the_verdicts_so_far(store: MemoryStore, recorded: Samples[str]) -> None:
    verdicts = gw.replay(store=store)
    for _ in range(4):
        next(verdicts)
    verdicts.close()  # type: ignore[attr-defined]
    [replay] = store.runs(kind="replay")
    [score] = store.scores(replay.id)
    assert (replay.state, score.metric, score.value, score.detail) == ("interrupted", "replay/identical", 4, "0-3")


def test_a_payload_that_is_long_is_shown_in_part(store: MemoryStore, recorded: Samples[str]) -> None:
    tampered(store, recorded[4].id, payload=b"d" * 1000, canonical=None)
    assert gw.audit(recorded[4], store=store).reason.endswith(f"in place of {b'd' * 60!r}… (1,000 bytes)")


def test_another_spelling_of_the_same_item_is_close(store: MemoryStore, recorded: Samples[str]) -> None:
    sample = recorded.valid[0]
    tampered(store, sample.id, payload=sample.item.upper().encode())
    verdict = gw.audit(sample, store=store)
    assert verdict.outcome == "close"
    assert verdict.reason.startswith(f"another spelling of {sample.canonical}: ")


@pytest.mark.parametrize("kernels", [{"fused": True}, {"everywhere": 3}, ["reference"], None], ids=str)
def test_a_run_that_asks_for_kernels_in_no_known_way_does_not_stop_the_rest(
    store: MemoryStore, recorded: Samples[str], toy_model: Model[str], kernels: Any
) -> None:
    """It once ended with a TypeError, and the audit of all runs with it."""
    other = gw.generate(toy_model, 3, seed=6, store=store)
    config = {**other.run.config, "kernels": kernels}
    store._runs[other.run.id] = replace(store.run(other.run.id), config=config)
    verdicts = list(gw.replay(None, store=store))
    assert Counter(verdict.outcome for verdict in verdicts) == {"identical": 30, "not repeatable": 3}
    refused = next(verdict for verdict in verdicts if verdict.outcome == "not repeatable")
    assert "what is asked of kernels is a table" in refused.reason


def test_kernels_that_do_not_serve_here_do_not_stop_the_rest(
    store: MemoryStore, recorded: Samples[str], toy_model: Model[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is found only where samples are drawn, and once ended the audit of all runs."""
    other = gw.generate(toy_model, 3, seed=6, store=store)
    items = Generation.items

    def served(self: Generation[str], indices: Sequence[int]) -> Iterator[str]:
        yield from items(self, indices if self.seed != 6 else indices[:1])
        if self.seed == 6:
            raise MismatchError("implementation 'numba' of linear was asked for, which cannot serve here")

    monkeypatch.setattr(Generation, "items", served)
    verdicts = list(gw.replay(None, store=store))
    assert Counter(verdict.outcome for verdict in verdicts) == {"identical": 31, "not repeatable": 2}
    refused = [verdict for verdict in verdicts if verdict.outcome == "not repeatable"]
    assert [verdict.sample for verdict in refused] == [f"{other.run.id}/1", f"{other.run.id}/2"]
    assert "'numba' of linear was asked for" in refused[0].reason


def test_a_verdict_that_is_not_identical_names_what_differs_here(store: MemoryStore, recorded: Samples[str]) -> None:
    run = recorded.run
    store._runs[run.id] = replace(store.run(run.id), environment=replace(run.environment, python="3.9.9"))
    assert gw.audit(recorded[0], store=store).drift == ()
    tampered(store, recorded[0].id, payload=b"dddd", canonical=None)
    verdict = gw.audit(recorded[0], store=store)
    assert verdict.drift == (f"python was 3.9.9, is {run.environment.python}",)
    assert str(verdict).endswith(f"\n  python was 3.9.9, is {run.environment.python}")


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
    config = {**recorded.run.config, "samplers": ["temperature@3"]}
    store._runs[recorded.run.id] = replace(store.run(recorded.run.id), config=config)
    verdict = gw.audit(recorded[0], store=store)
    assert verdict.outcome == "not repeatable"
    assert "drew with temperature@3; here are temperature@1, which give other samples" in verdict.reason
    with pytest.raises(MismatchError, match=r"temperature@3; .* Install the plugins that the run names"):
        gw.resume(recorded.run.id, store=store)


def test_a_sampler_inside_another_has_its_version_too(
    store: MemoryStore, toy_model: Model[str], use_registry: UseRegistry
) -> None:
    """Only that of the outermost was once recorded."""
    samples = gw.generate(toy_model, 2, store=store, sampler="guided")
    raised = [replace(spec, version=spec.version + (spec.name == "temperature")) for spec in register_samplers()]
    plugin = Plugin(name="toys", distribution="toys", version="1", specs=tuple(raised))
    use_registry(Registry([*toy_registry().plugins, plugin], {}))
    assert (
        "drew with guided@1, temperature@1; here are guided@1, temperature@2"
        in gw.audit(samples[0], store=store).reason
    )


def test_a_run_drawn_on_a_device_that_is_not_here_is_not_repeatable(
    store: MemoryStore, recorded: Samples[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's own AssertionError once came through."""

    def refuse(*size: int, device: str) -> None:
        raise AssertionError(f"Torch not compiled with {device} enabled")

    environment = replace(recorded.run.environment, device="cuda:0")
    store._runs[recorded.run.id] = replace(store.run(recorded.run.id), environment=environment)
    monkeypatch.setattr("genwright.model.torch.zeros", refuse)
    verdict = gw.audit(recorded[0], store=store)
    assert verdict.outcome == "not repeatable"
    assert "such as cpu; got 'cuda:0': Torch not compiled with cuda:0 enabled. Try: cpu." in verdict.reason


def test_what_is_not_recorded_cannot_be_audited(store: MemoryStore, recorded: Samples[str]) -> None:
    with pytest.raises(UnknownName, match=f"no sample named '{recorded.run.id}/30'"):
        gw.audit(f"{recorded.run.id}/30", store=store)
    with pytest.raises(UnknownName, match="no run named 'feed'"):
        gw.replay("feed", store=store)
