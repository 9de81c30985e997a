from __future__ import annotations

import importlib
import json
from collections.abc import Callable
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


@pytest.fixture
def mixed(rhythms: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of rhythms hold four, of which the second has a flaw and the third is refused by the encoder."""
    domain = importlib.import_module("genwright_rhythms.domain").RhythmsDomain
    check = domain.check
    monkeypatch.setattr(domain, "read", lambda *_, strict: iter(["x..x", "y", "x" * 17, "x.x."]))
    monkeypatch.setattr(domain, "check", lambda self, item: None if len(item) > 16 else check(self, item))


def test_what_cannot_be_scored_says_why_and_the_others_have_the_numbers_they_have_alone(
    mixed: None, rhythms_model: Path, file: Path, capsys: Capture
) -> None:
    """One item that did not fit once ended the run, and one with a flaw was scored as if it had none."""
    assert main(["score", "rhythms", str(file), "--model", str(rhythms_model), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["scored"], found["not_scored"], found["mean"]["nats"]["count"]) == (2, 2, 2)
    first, flawed, refused, last = found["items"]
    assert [item["number"] for item in found["items"]] == [0, 1, 2, 3]
    assert [first["nats"], last["nats"]] == gw.score(rhythms_model, ["x..x", "x.x."]).nats
    assert (first["reason"], last["reason"]) == (None, None)
    assert (flawed["nats"], flawed["bits_per_dimension"], refused["nats"]) == (None, None, None)
    assert "'y'" in flawed["reason"]
    assert "has no tokens" in refused["reason"]


def test_a_table_says_why_items_have_no_numbers_and_counts_those_that_have(
    mixed: None, rhythms_model: Path, file: Path, capsys: Capture
) -> None:
    assert main(["score", "rhythms", str(file), "--model", str(rhythms_model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("WHY IT HAS NONE")
    assert "has no tokens" in lines[3]
    assert lines[5].startswith("mean of log p of 2 of 4 items: -")


def test_items_are_told_by_what_their_domain_calls_them(
    rhythms: Path, rhythms_model: Path, file: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = importlib.import_module("genwright_rhythms.domain").RhythmsDomain
    monkeypatch.setattr(domain, "title", lambda self, item: {"x..x": "the first\none"}.get(item))
    assert main(["score", "rhythms", str(file), "--model", str(rhythms_model)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("the first one  ")
    assert lines[2].startswith("1  ")
    assert main(["score", "rhythms", str(file), "--model", str(rhythms_model), "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [item["title"] for item in items] == ["the first\none", None]


def test_where_nothing_can_be_scored_the_command_fails_and_says_why_of_the_first(
    rhythms: Path, rhythms_model: Path, file: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = importlib.import_module("genwright_rhythms.domain").RhythmsDomain
    command = ["score", "rhythms", str(file), "--model", str(rhythms_model)]
    monkeypatch.setattr(domain, "check", lambda self, item: f"{item} is out of time.")
    assert main(command) == 1
    assert f"of 2 in {file} none is. Why the first is not: x..x is out of time." in capsys.readouterr().err
    monkeypatch.setattr(domain, "read", lambda *_, strict: iter(()))
    assert main(command) == 1
    assert "Why the first is not: There is none." in capsys.readouterr().err


CLAVES = """
from genwright.hooks import hookimpl
from genwright.specs import DomainSpec

@hookimpl
def register_domains():
    target = "genwright_rhythms.domain:RhythmsDomain"
    return [DomainSpec(name="claves", target=target, summary="", encoder="rhythms-pulses", media_type="text/plain")]
"""


def test_a_model_of_another_domain_is_a_wrong_call(
    rhythms: Path, rhythms_model: Path, install: Callable[..., None], file: Path, capsys: Capture
) -> None:
    """Its encoder was once given what is none of its items."""
    install("claves", CLAVES)
    assert main(["score", "claves", str(file), "--model", str(rhythms_model)]) == 2
    wanted = f"items of claves are scored by a model of claves; {rhythms_model} is one of rhythms. Choose another model"
    assert wanted in capsys.readouterr().err


def test_a_start_is_a_wrong_call(rhythms: Path, rhythms_model: Path, file: Path, capsys: Capture) -> None:
    """It was once ignored."""
    assert main(["score", "rhythms", str(file), "--model", str(rhythms_model), "--where", "prefix=x."]) == 2
    assert "got prefix='x.'. Leave prefix out." in capsys.readouterr().err


@pytest.mark.filterwarnings("default")
def test_the_device_and_strictness_are_passed_on(
    rhythms: Path, rhythms_model: Path, file: Path, capsys: Capture
) -> None:
    command = ["score", "rhythms", str(file), "--model", str(rhythms_model)]
    assert main([*command, "--device", "gpu"]) == 2
    assert "a device is one that this machine has, such as cpu; got 'gpu'" in capsys.readouterr().err
    file.write_text("x..x\nnone\n")
    assert main([*command, "--device", "cpu"]) == 0
    assert "line 2 was passed over" in capsys.readouterr().err
    assert main([*command, "--strict"]) == 1
    assert "line 2" in capsys.readouterr().err


def test_an_unknown_domain_exits_with_2(file: Path, capsys: Capture) -> None:
    assert main(["score", "rythms", str(file)]) == 2
    assert "there is no domain named 'rythms'" in capsys.readouterr().err
