from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import genwright as gw
from genwright.datasets import digest
from genwright.errors import (
    DataError,
    MismatchError,
    UnknownName,
    UsageError,
)
from genwright.memory import MemoryStore
from genwright.metrics import Value
from genwright.registry import Registry
from genwright.samples import Samples
from genwright.specs import DatasetSpec, MetricSpec
from genwright.testing.toys import ROUNDS, toy_recipe, toy_registry

pytestmark = pytest.mark.usefixtures("toys")
UseRegistry = Callable[[Registry], Registry]


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
    # Sixteen rounds beside the sixteen others, or thirty spellings of rounds beside those of any other half.
    assert (report.baseline["variety"].value == 0) == (form == "items")
    assert report.baseline["variety"].count == (16 if form == "items" else 30)
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
    with pytest.raises(DataError, match=r"holds items of rounds; .*empty\.txt holds none. Give another"):
        recorded.report(reference=tmp_path / "empty.txt")


def test_a_metric_of_another_domain_is_refused(recorded: Samples[str], use_registry: UseRegistry) -> None:
    use_registry(toy_registry(MetricSpec(name="loudness", target="x:Y", summary="", domain="audio")))
    with pytest.raises(MismatchError, match=r"'loudness' is of audio, not of rounds. Metrics of rounds: sound"):
        recorded.report(metrics=["loudness"])


def test_of_metrics_with_one_name_that_of_the_domain_is_taken(
    recorded: Samples[str], use_registry: UseRegistry
) -> None:
    for domain in ("aaa", "zzz"):
        use_registry(toy_registry(MetricSpec(name="soundness", target="x:Y", summary="", domain=domain)))
        assert recorded.report(metrics=["soundness"])["soundness"].count == 30
        assert set(recorded.report().values) == {"soundness"}


def test_a_file_is_read_and_not_spelled(rounds_file: Path) -> None:
    """The characters of its name were once measured."""
    for source in (rounds_file, str(rounds_file)):
        assert gw.evaluate(source, domain="rounds", store=False)["soundness"] == Value(value=1.0, count=128)


def nearness(samples: Sequence[str], reference: Sequence[str] | None) -> Value | None:
    """Return a number by a file that a user gave."""
    return None if reference is None else Value(value=1.5, count=len(samples), by="near.bin, SHA-256 0123")


def test_a_metric_that_is_to_be_named_is_only_computed_where_it_is(
    recorded: Samples[str], store: MemoryStore, use_registry: UseRegistry
) -> None:
    spec = MetricSpec(name="nearness", target=f"{__name__}:nearness", summary="", domain="rounds", named=True)
    use_registry(toy_registry(spec))
    assert list(recorded.report(reference=ROUNDS).values) == ["soundness", "variety"]
    report = recorded.report(reference=ROUNDS, metrics=["nearness"])
    row = "nearness (near.bin, SHA-256 0123)"
    assert {name: value.value for name, value in report.values.items()} == {row: 1.5}
    assert list(report.baseline) == [row]
    assert f"{row}  1.5" in str(report)
    assert store.scores(recorded.run.id)[-1].metric == row


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_a_baseline_is_measured_of_is_not_what_it_is_compared_with(count: int) -> None:
    """The reference was once compared with itself, so that nothing of it was new."""
    report = gw.evaluate(["ab", "bc"], domain="rounds", reference=ROUNDS[:count])
    assert {name: value.value for name, value in report.baseline.items()} == (
        {} if count == 1 else {"soundness": 1.0, "variety": 0.0}
    )


def test_an_evaluation_is_recorded_as_a_run_of_its_own(store: MemoryStore, recorded: Samples[str]) -> None:
    """Runs of this kind were once spoken of everywhere, and there were none."""
    recorded.report(reference=list(ROUNDS))
    (run,) = store.runs(kind="evaluate")
    assert (run.state, run.parent, run.checkpoint) == ("finished", recorded.run.id, recorded.run.checkpoint)
    assert run.config == {"reference": "32 items", "metrics": ["soundness", "variety"]}
    assert store.run("LAST").id == recorded.run.id


def test_a_named_data_set_is_read_by_what_its_spec_names(
    recorded: Samples[str], tmp_path: Path, use_registry: UseRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the conformance kit once called the reader of a data set."""
    (tmp_path / "odd.txt").write_text("abcd;cda")
    spec = DatasetSpec(
        name="odd",
        target=f"{__name__}:read_odd",
        summary="",
        domain="rounds",
        url="",
        sha256=digest(tmp_path / "odd.txt"),
        licence="CC0-1.0",
        rows=2,
    )
    monkeypatch.setenv("GENWRIGHT_DATA_MIRROR", str(tmp_path))
    monkeypatch.setattr("genwright.datasets.registry", lambda: use_registry(toy_registry(spec)))
    assert recorded.report(reference="odd")["variety"].value == len({"abcd", "cda"} & set(recorded.items)) / 2


def read_odd(path: Path, *, strict: bool = False) -> Iterator[str]:
    """Yield rounds that are parted by semicolons."""
    yield from path.read_text().split(";")


def test_values_are_recorded_where_they_are_wanted(recorded: Samples[str], store: MemoryStore) -> None:
    gw.evaluate(recorded, store=False)
    assert store.scores(recorded.run.id) == []
    with pytest.raises(UnknownName, match="no run named"):
        gw.evaluate(recorded, store=MemoryStore())


def test_a_malformed_item_of_the_reference_ends_a_strict_evaluation(recorded: Samples[str], tmp_path: Path) -> None:
    path = tmp_path / "mixed.txt"
    path.write_text("abcd\nzz\ncda\n")
    with pytest.raises(DataError, match=r"mixed\.txt, line 2: 'zz' is no round"):
        recorded.report(reference=path, strict=True)
    with pytest.warns(UserWarning, match=r"mixed\.txt, line 2 was passed over"):
        recorded.report(reference=path)


# ---- what the model was trained on


def newness(samples: Sequence[str], reference: Sequence[str] | None) -> Value | None:
    """Return how many samples are not in the reference."""
    return None if reference is None else Value(value=float(len(set(samples) - set(reference))), count=len(samples))


NEWNESS = MetricSpec(name="newness", target=f"{__name__}:newness", summary="", domain="rounds", against="training")


@pytest.fixture
def learned(tmp_path: Path, rounds_file: Path, use_registry: UseRegistry) -> Samples[str]:
    """Samples of a model that was trained on `tmp_path / "data.txt"` alone, and kept in `tmp_path / "model"`."""
    use_registry(toy_registry(NEWNESS))
    data = tmp_path / "data.txt"
    data.write_text(rounds_file.read_text())
    recipe = toy_recipe(data, steps=1, backbone=gw.use("transformer", width=32, depth=1, heads=2))
    model = gw.train(recipe, name="rounds/one", folder=tmp_path / "model", store=False, device="cpu")
    return gw.generate(model, 20, seed=1, store=MemoryStore())


def test_what_is_new_is_so_beside_what_the_model_was_trained_on(learned: Samples[str], tmp_path: Path) -> None:
    """Novelty was once counted against whatever reference was given."""
    samples, data = learned, tmp_path / "data.txt"
    expected = float(len(set(samples.items) - set(ROUNDS)))
    report = samples.report(reference=["ab", "bc"])
    assert (report["newness"].value, report["variety"].count) == (expected, 20)
    assert report.remarks == {"newness": f"compared with {data}, which the model was trained on."}
    assert "variety" in report.baseline
    assert "newness" not in report.baseline
    assert isinstance(samples.store, MemoryStore)
    details = {score.metric: score.detail for score in samples.store.scores(samples.run.id)}
    assert (details["newness"], details["variety"]) == (report.remarks["newness"], "reference 2 items")
    assert samples.report()["newness"].value == expected
    assert "newness" not in samples.report(metrics=["soundness"])


@pytest.mark.parametrize("change", ["removed", "changed"])
def test_where_the_training_data_are_gone_the_report_says_what_it_compared_with(
    change: str, learned: Samples[str], tmp_path: Path
) -> None:
    samples, data = learned, tmp_path / "data.txt"
    data.unlink() if change == "removed" else data.write_text("ab\n")
    report = samples.report(reference=["ab", "bc"])
    assert report["newness"].value == len(set(samples.items) - {"ab", "bc"})
    assert report.remarks == {
        "newness": f"compared with the reference, 2 items, since {data}, which the model was trained on, is not here."
    }
    assert "newness" in report.baseline
    assert "newness" not in samples.report()


def test_of_items_alone_and_of_a_model_that_is_gone_nothing_tells_the_training_data(
    learned: Samples[str], tmp_path: Path
) -> None:
    remark = {"newness": "compared with the reference, 2 items, since nothing tells the model."}
    assert gw.evaluate(["ab"], domain="rounds", reference=["ab", "bc"]).remarks == remark
    (tmp_path / "model").rename(tmp_path / "elsewhere")
    assert learned.report(reference=["ab", "bc"]).remarks == remark
