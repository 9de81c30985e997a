from __future__ import annotations

import json
from pathlib import Path

import pytest

import genwright as gw
from genwright.cli import main

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text("x..x\nx.x.\n")
    return path


def test_each_item_and_the_mean_are_json_where_that_was_asked(
    rhythms: Path, rhythms_model: Path, file: Path, capsys: Capture
) -> None:
    assert main(["score", "rhythms", str(file), "--model", str(rhythms_model), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "exact"
    nats = [item["nats"] for item in found["items"]]
    assert len(nats) == 2
    assert all(n < 0 for n in nats)
    assert found["mean"]["nats"]["value"] == pytest.approx(sum(nats) / 2)
    assert found["mean"]["nats"]["error"] == pytest.approx(abs(nats[0] - nats[1]) / 2)


def test_a_table_ends_with_the_mean_and_its_kind(
    rhythms: Path, rhythms_model: Path, file: Path, capsys: Capture
) -> None:
    assert main(["score", "rhythms", str(file), "--model", str(rhythms_model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["ITEM", "NATS", "BITS/DIM"]
    assert [line.split()[0] for line in lines[1:3]] == ["0", "1"]
    assert lines[3].startswith("mean of log p: -")
    assert lines[3].endswith("bits/dim")


def test_items_are_scored_given_what_is_asked(rhythms: Path, rhythms_model: Path, file: Path, capsys: Capture) -> None:
    command = ["score", "rhythms", str(file), "--model", str(rhythms_model), "--json"]
    nats = []
    for asked in ([], ["--where", "strokes=2"]):
        assert main([*command, *asked]) == 0
        nats.append([item["nats"] for item in json.loads(capsys.readouterr().out)["items"]])
    assert nats[1] == gw.score(rhythms_model, ["x..x", "x.x."], where={"strokes": 2}).nats
    assert nats[1] != nats[0]
    assert main([*command, "--where", "strokes=many"]) == 2
    assert "condition 'strokes' takes" in capsys.readouterr().err


def test_an_unknown_domain_exits_with_2(file: Path, capsys: Capture) -> None:
    assert main(["score", "rythms", str(file)]) == 2
    assert "there is no domain named 'rythms'" in capsys.readouterr().err
