from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright.cli import main
from genwright.metrics import Report, Value
from genwright.samples import Samples
from genwright.store import open_store

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Mapping[str, Any]]]:
    """What was to be measured, and how; each report says 0.5."""
    calls: list[tuple[Any, Mapping[str, Any]]] = []

    def evaluate(samples: Any, **options: Any) -> Report:
        calls.append((samples, options))
        values = {"novelty": Value(value=0.5, error=0.1, count=2)}
        return Report(title="a few samples", values=values, remarks={"novelty": "compared with x."})

    monkeypatch.setattr("genwright.api.evaluate", evaluate)
    return calls


Asked = Sequence[tuple[Any, Mapping[str, Any]]]


def test_the_samples_of_a_run_are_measured_with_their_origin(
    rhythms: Path, rhythms_model: Path, home: Path, asked: Asked, capsys: Capture
) -> None:
    main(["generate", str(rhythms_model), "-n", "12", "--seed", "1"])
    main(["audit", "replay", "LAST/0"])
    capsys.readouterr()
    assert main(["evaluate", "LAST", "--reference", "rhythms", "--metric", "novelty", "--no-baseline"]) == 0
    assert "novelty  0.5 ± 0.1" in capsys.readouterr().out
    [(samples, options)] = asked
    with closing(gw.open_store()) as store:
        run = next(iter(store.runs(kind="generate")))
    assert isinstance(samples, Samples)
    assert (samples.run.id, len(samples)) == (run.id, 12)
    assert options == {
        "domain": "rhythms",
        "reference": "rhythms",
        "metrics": ["novelty"],
        "baseline": False,
        "strict": False,
        "store": None,
    }


def test_a_report_is_json_where_that_was_asked(rhythms: Path, asked: Asked, capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("x..x\nx.x.\n")
    assert main(["evaluate", str(file), "--domain", "rhythms", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    metrics = {"novelty": {"value": 0.5, "error": 0.1, "count": 2}}
    assert shown == {"reference": None, "remarks": {"novelty": "compared with x."}, "metrics": metrics}
    assert asked[0] == (
        ["x..x", "x.x."],
        {"domain": "rhythms", "reference": None, "metrics": None, "baseline": True, "strict": False, "store": None},
    )


def test_the_reference_says_what_the_items_of_a_file_are(rhythms: Path, asked: Asked, tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("x..x\n")
    assert main(["evaluate", str(file), "--reference", "rhythms"]) == 0
    assert asked[0][1]["domain"] == "rhythms"


def test_a_file_of_unknown_items_exits_with_2(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("x..x\n")
    assert main(["evaluate", str(file)]) == 2
    assert "mine.txt does not say what its items are. Name the domain: --domain molecules." in capsys.readouterr().err


@pytest.mark.parametrize("name", ["none.txt", "folder/none"])
def test_a_file_that_is_not_there_is_not_taken_for_a_run(name: str, home: Path, capsys: Capture) -> None:
    """It was once looked for in the store."""
    assert main(["evaluate", name, "--domain", "rhythms"]) == 1
    assert f"a run or a file of items; {name} does not exist. Check the path." in capsys.readouterr().err


def test_a_name_that_is_too_long_for_a_path_is_no_file(home: Path, capsys: Capture) -> None:
    open_store().close()
    assert main(["evaluate", "x" * 300]) == 2
    assert "there is no run named 'xxx" in capsys.readouterr().err


def test_a_run_that_is_not_there_exits_with_2(home: Path, capsys: Capture) -> None:
    open_store().close()
    assert main(["evaluate", "5f5f"]) == 2
    assert "there is no run named '5f5f'" in capsys.readouterr().err


@pytest.mark.filterwarnings("default")
def test_a_malformed_item_is_passed_over_unless_strict(
    rhythms: Path, asked: Asked, tmp_path: Path, capsys: Capture
) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("x..x\nxyz\n")
    assert main(["evaluate", str(file), "--domain", "rhythms"]) == 0
    assert "line 2 was passed over" in capsys.readouterr().err
    assert main(["evaluate", str(file), "--domain", "rhythms", "--strict"]) == 1
    assert "mine.txt, line 2: " in capsys.readouterr().err
    assert [options["strict"] for _, options in asked] == [False]


def test_a_metric_that_needs_a_reference_is_told_so(
    rhythms: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    """An empty table was once printed, and all was said to be well."""
    file = tmp_path / "mine.txt"
    file.write_text("x..x\n")
    monkeypatch.setattr("genwright.api.evaluate", lambda *_, **__: Report(title="1 sample", values={}))
    assert main(["evaluate", str(file), "--domain", "rhythms", "--metric", "novelty"]) == 1
    assert capsys.readouterr() == (
        "",
        "None of the metrics can be computed without a reference. Name one: --reference NAME_OR_FILE.\n",
    )


def test_a_domain_without_metrics_is_told_so(
    rhythms: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture
) -> None:
    """A reference was once asked for although one was given."""
    file = tmp_path / "mine.txt"
    file.write_text("x..x\n")
    monkeypatch.setattr("genwright.api.evaluate", lambda *_, **__: Report(title="1 sample", values={}))
    assert main(["evaluate", str(file), "--reference", "rhythms"]) == 1
    assert capsys.readouterr().err.startswith("No metric says anything of these items; their domain has none.")
