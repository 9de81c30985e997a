"""Generating, on a domain of 32 items."""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright.errors import (
    ConditionError,
    GenwrightError,
    MismatchError,
    OptionError,
    RecipeError,
    UnknownName,
    UsageError,
)
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.recipe import use
from genwright.registry import Registry
from genwright.run import Run
from genwright.specs import ModelSpec, ReviewerSpec, SamplerSpec
from genwright.testing.toys import ROUNDS, toy_registry

pytestmark = pytest.mark.usefixtures("toys")
UseRegistry = Callable[[Registry], Registry]


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


@pytest.mark.parametrize("rows", [1, 48])
def test_rows_may_be_one_or_any_multiple_of_16(toy_model: Model[str], store: MemoryStore, rows: int) -> None:
    samples = gw.generate(toy_model, 5, seed=5, store=store, rows=rows)
    assert only(store).config["rows"] == rows
    assert [gw.audit(sample, store=store).outcome for sample in samples] == ["identical"] * 5


def test_what_is_asked_for_is_followed(toy_model: Model[str]) -> None:
    means = []
    for letters in (2, 7):
        items = gw.generate(toy_model, 200, seed=1, store=False, where={"letters": letters}).items
        means.append(sum(map(len, items)) / 200)
    assert means[0] + 1.2 < means[1]


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
        "samplers": ["guided@1", "top-p@1"],
        "where": {"letters": 3.0, "start": "ab"},
        "rows": 128,
        "precision": "float32",
        "reviewers": ["quiet"],
        "folder": str(checkpoint.folder),
    }
    assert store.checkpoint(checkpoint.digest).files == checkpoint.files
    assert json.loads(store.checkpoint(checkpoint.digest).card)["name"] == "rounds/toy"
    assert "genwright-toys 1.0" in run.environment.plugins
    assert (samples.run.id, samples.run.state) == (run.id, "finished")
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

    class Tape:
        def __init__(self) -> None:
            self.memory = MemoryStore("tape:///0")

        def __getattr__(self, name: str) -> Any:
            return getattr(self.memory, name)

        def close(self) -> None:
            closed.append(self)

    def open_store(where: Any) -> Any:
        opened.append(where)
        return Tape()

    monkeypatch.setattr("genwright.recording.open_store", open_store)
    assert gw.generate(toy_model, 2, store="tape:///0").store == "tape:///0"
    assert (opened, len(closed)) == (["tape:///0"], 1)
    with pytest.raises(UnknownName):
        gw.generate(toy_model, 2, store="tape:///0", reviewers=["nobody"])
    assert len(closed) == 2


def test_samples_in_a_store_of_this_process_keep_it(toy_model: Model[str]) -> None:
    """Their store was once opened anew from its URL, and was empty."""
    samples = gw.generate(toy_model, 5, store="memory:")
    assert samples.report()["soundness"].count == 5
    assert isinstance(samples.store, MemoryStore)
    assert [score.metric for score in samples.store.scores(samples.run.id)] == ["soundness"]


def test_nothing_is_recorded_if_store_is_false(toy_model: Model[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genwright.recording.open_store", lambda where: pytest.fail("a store was opened"))
    samples = gw.generate(toy_model, 3, store=False)
    assert len(samples.report().values) == 1
    assert gw.evaluate(samples, store=False)["soundness"].count == 3


def test_generate_takes_what_stream_takes() -> None:
    """A slip in a name was once that of another function."""
    stream, generate = (inspect.signature(function).parameters for function in (gw.stream, gw.generate))
    assert dict(generate) == dict(stream)


def test_as_many_as_a_store_can_number_may_be_asked_for(toy_model: Model[str], store: MemoryStore) -> None:
    with closing(gw.stream(toy_model, 2**63 - 1, batch_size=3, seed=5, store=store)) as batches:
        assert [sample.index for sample in next(batches)] == [0, 1, 2]
    assert store.run("LAST").planned == 2**63 - 1


# ---- what cannot be asked for


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n": 0}, OptionError, r"n is a whole number from 1 to 2\^63 - 1; got 0"),
        ({"n": -3}, OptionError, r"n is a whole number from 1 to 2\^63 - 1; got -3"),
        ({"n": True}, OptionError, r"n is a whole number from 1 to 2\^63 - 1; got True"),
        ({"n": 2.0}, OptionError, r"n is a whole number from 1 to 2\^63 - 1; got 2.0"),
        ({"batch_size": 0}, OptionError, r"batch_size is a whole number from 1 to 2\^63 - 1; got 0"),
        ({"n": 2**63}, OptionError, r"n is a whole number from 1 to 2\^63 - 1; got 9223372036854775808\."),
        ({"n": 10**30}, OptionError, r"n is a whole number from 1 to 2\^63 - 1; got 10{30}\."),
        ({"n": 10**5000}, OptionError, r"n is a whole number from 1 to 2\^63 - 1; got a number too long to be written"),
        ({"batch_size": 10**20}, OptionError, r"batch_size is a whole number from 1 to 2\^63 - 1; got 1000000"),
        ({"rows": 7}, OptionError, "rows is 1, or a multiple of 16 from 16 to 65,536; got 7"),
        ({"rows": 8}, OptionError, "rows is 1, or a multiple of 16 from 16 to 65,536; got 8"),
        ({"rows": 32.0}, OptionError, "rows is 1, or a multiple of 16 from 16 to 65,536; got 32.0"),
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
        ({"engine": "locale"}, UnknownName, "no engine named 'locale'. Did you mean 'local'"),
        ({"engine": use("local", workers=0)}, OptionError, "takes workers from 1 to 1,024; got 0"),
        ({"reviewers": ["quite"]}, UnknownName, "no reviewer named 'quite'. Did you mean 'quiet'"),
        ({"where": {"leters": 3}}, UnknownName, "no condition of rounds named 'leters'. Did you mean 'letters'"),
        ({"where": {"letters": 9}}, ConditionError, "condition 'letters' takes 1 to 8; got 9. Choose a value in"),
        ({"where": {"letters": float("nan")}}, ConditionError, "takes 1 to 8; got nan"),
        ({"where": {"letters": 10**400}}, ConditionError, "takes 1 to 8; got 1000.*… [(]401 characters[)]. Choose"),
        ({"where": {"letters": 10**5000}}, ConditionError, "takes 1 to 8; got a number too long to be written. Choose"),
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
        (
            {"reviewers": ["loud"]},
            MismatchError,
            "reviewer 'loud' is of audio, not of rounds. Reviewers of rounds: quiet",
        ),
        (
            {"device": "foo"},
            OptionError,
            "a device is one that this machine has, such as cpu; got 'foo': Expected one of",
        ),
        ({"device": "meta"}, OptionError, "got 'meta': Tensor.item.. cannot be called on meta tensors. Try: cpu"),
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
    heun = SamplerSpec(name="heun", target="x:Y", summary="", reads="denoiser")
    use_registry(toy_registry(model, heun, ReviewerSpec(name="loud", target="x:Y", summary="", domain="audio")))
    given = {"model": "rounds/toy", "n": 3, "store": store, **changes}
    with pytest.raises(error, match=message):
        gw.stream(given.pop("model"), given.pop("n"), **given)
    assert list(store.runs()) == []
    assert store.info()["checkpoints"] == 0


def test_a_model_that_is_loaded_draws_where_it_is(toy_model: Model[str], store: MemoryStore) -> None:
    """Another device was once ignored, or given to the noise alone."""
    assert gw.generate(toy_model, 2, store=store, device="cpu").run.environment.device == "cpu"
    elsewhere = replace(toy_model, family=copy.deepcopy(toy_model.family).to("meta"))
    with pytest.raises(OptionError, match=r"draws where it is, on meta; got device 'cpu'\. Leave the device out"):
        gw.generate(elsewhere, 2, store=False, device="cpu")


def test_a_model_in_training_cannot_generate(toy_model: Model[str], store: MemoryStore) -> None:
    with pytest.raises(UsageError, match=r"from a model with a checkpoint; this one is in training. Save it first"):
        gw.generate(replace(toy_model, checkpoint=None), 3, store=store)
    assert list(store.runs()) == []
