from __future__ import annotations

import lzma
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.cases import quality
from benchmarks.peers.moses import PUBLISHED
from benchmarks.row import Row
from benchmarks.setting import Setting
from genwright.metrics import Value

DRAWN = ["CCO", "CCN", "c1ccccc1", "CC(=O)O", "CCCl", "C(", "CCO"]
MASKED = ["CCO", "CCN", "CC"]
ABSENT = (
    "CharRNN's own sample is not measured: moses_model_samples_two.csv.xz is not in the folder GENWRIGHT_DATA_MIRROR."
)


@pytest.fixture
def rows(setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What yields the rows, of a few molecules that a model might have drawn; there is no network to wait for."""
    data = tmp_path / "reference.smi"
    data.write_text("CCO\nCCC\nc1ccccc1\nCCN\n")

    def drawn(model: str, count: int, *, sampler: str, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(items=MASKED if sampler == "grammar" else DRAWN)

    def distance(samples: Any, reference: Any) -> Value:
        return Value(value=1 / len(samples.smiles), error=0.01, count=len(samples.smiles))

    monkeypatch.setattr(quality, "generate", drawn)
    monkeypatch.setattr(quality, "find", lambda spec: data)
    monkeypatch.setattr(quality, "METRICS", {**quality.METRICS, "FCD": distance})
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR", raising=False)

    def measured(**changes: Any) -> dict[str, Row]:
        return {row.name: row for row in quality.rows(SimpleNamespace(**{**vars(setting), **changes}))}  # type: ignore[arg-type]

    return measured


def test_each_metric_has_a_row_and_what_the_grammar_changes(rows: Any) -> None:
    found = rows()
    assert found["valid"].value == 6 / 7
    assert (found["valid"].verdict, found["valid"].note) == ("FAIL", f"7 molecules. {ABSENT}")
    assert found["valid, with the grammar"].verdict == "pass"
    change = found["FCD/nci, with the grammar less without"]
    assert change.value == pytest.approx(1 / 3 - 1 / 7)
    assert (change.verdict, change.note) == ("FAIL", "0.3333 with it.")
    assert {"SNN/nci", "Frag/nci", "Scaf/nci", "Wasserstein of logP/nci", "unique@10k", "IntDiv"} <= found.keys()
    assert all(row.value is not None for row in found.values())


def test_a_full_run_is_held_to_the_targets_beside_the_published_values(rows: Any) -> None:
    found = rows(quick=False)
    assert found["FCD/TestSF"].verdict == "pass"
    assert found["FCD/TestSF"].peers == PUBLISHED["FCD"]
    assert found["IntDiv"].verdict == "FAIL"


def test_samples_of_a_peer_that_are_not_there_are_told(rows: Any) -> None:
    row = rows(quick=False)["valid"]
    assert row.note == f"7 molecules. {ABSENT}"
    assert row.peers == PUBLISHED["valid"]


def test_samples_of_a_peer_are_measured_in_the_same_way(
    rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENWRIGHT_DATA_MIRROR", str(tmp_path))
    with lzma.open(tmp_path / "moses_model_samples_two.csv.xz", "wt") as file:
        file.write('model,run,smiles\nchar_rnn,1,CCO\nchar_rnn,1,"C("\n')
    row = rows()["valid"]
    assert row.peers == {"CharRNN's sample 1, measured here": 0.5}
    assert row.note == "7 molecules."


def test_data_that_are_not_there_are_told(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quality, "find", lambda spec: None)
    (row,) = quality.rows(setting)
    assert row.value is None
    assert row.note == "data set 'nci' is not on this machine: set GENWRIGHT_DATA_MIRROR to a folder that holds it."
