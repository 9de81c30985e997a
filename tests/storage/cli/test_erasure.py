import json
from contextlib import closing
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.testing.stores import make_record, make_run
from genwright_storage.store import SQLStore

Capture = pytest.CaptureFixture[str]
RUN = "a" * 32


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A store, the default one, with an old run of five samples."""
    url = f"sqlite:///{tmp_path / 'store'}"
    monkeypatch.setenv("GENWRIGHT_STORE", url)
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ada")
    with closing(SQLStore(url)) as store:
        run = make_run(id=RUN, started=1)
        store.put_run(run)
        store.put_samples([make_record(run, index, prompt="personal") for index in range(5)])
    return url


def test_samples_are_erased_and_the_store_verifies(url: str, capsys: Capture) -> None:
    assert main(["audit", "erase", "LAST/1", "LAST/2", "--reason", "asked for", "--yes"]) == 0
    assert "Erased 2 samples and the texts of 0 runs." in capsys.readouterr().err
    assert main(["audit", "verify"]) == 0
    assert "3 samples are as they were put" in capsys.readouterr().err
    assert main(["samples", "show", "LAST/1"]) == 1
    assert f"sample {RUN}/1 was asked for; it was erased on " in capsys.readouterr().err
    assert main(["audit", "erase", "LAST/1", "--reason", "asked for", "--yes"]) == 0
    assert "All of it was erased before." in capsys.readouterr().err


def test_an_erasure_is_told_as_json(url: str, capsys: Capture) -> None:
    command = ["audit", "erase", RUN, "--reason", "asked for", "--basis", "an article", "--yes", "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found == {"samples": 5, "runs": 1, "complete": True, "copies": [], "related": []}
    assert main(["runs", "show", "LAST"]) == 0
    assert "it was erased: asked for" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 4), ("n\n", 1, 5), ("", 1, 5)])
def test_it_is_asked_before_anything_is_erased(
    url: str, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    assert bool(main(["audit", "erase", "LAST/1", "--reason", "asked for"])) == bool(code)
    with closing(SQLStore(url)) as store:
        assert len(list(store.samples())) == left


def test_what_is_incomplete_and_copies_are_told(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "store.v0.1.0.backup").write_bytes(b"")
    monkeypatch.setattr("genwright_storage.sqlite.SQLiteDatabase.rewrite", lambda *_: False)
    assert main(["audit", "erase", "LAST/1", "--reason", "asked for", "--yes"]) == 0
    told = capsys.readouterr().err
    assert "Traces are in the file until it is next opened for writing: others use it" in told
    assert f"This copy was made before, and still holds it: {tmp_path / 'store.v0.1.0.backup'}." in told


@pytest.mark.parametrize(
    ("config", "is_told"),
    [({"where": {"logP": 2.5}}, True), ({"prompt": "a coat"}, True), ({"where": {}, "prompt": ""}, False), ({}, False)],
)
def test_what_was_asked_of_the_whole_run_is_told_to_stay(
    url: str, capsys: Capture, config: dict[str, object], is_told: bool
) -> None:
    id = "b" * 32
    with closing(SQLStore(url)) as store:
        run = make_run(id=id, config=config)
        store.put_run(run)
        store.put_samples([make_record(run, index) for index in range(3)])
    command = ["--reason", "asked for", "--yes"]
    told = f"What was asked of a whole run, its prompt or conditions, stays until the run is erased: {id}.\n"
    assert main(["audit", "erase", f"{id}/0", "bb/1", *command]) == 0
    assert (told in capsys.readouterr().err) == is_told
    assert main(["audit", "erase", f"{id}/2", id, *command]) == 0
    assert "What was asked" not in capsys.readouterr().err


def test_a_replay_of_what_was_erased_is_not_repeatable(url: str, capsys: Capture) -> None:
    assert main(["audit", "erase", "LAST/1", "--reason", "asked for", "--yes"]) == 0
    assert main(["audit", "replay", "LAST/1"]) == 1
    assert "LAST/1: not repeatable, sample" in capsys.readouterr().out
    import genwright as gw

    verdict = gw.audit("LAST/1")
    assert (verdict.outcome, "it was erased on" in verdict.reason) == ("not repeatable", True)


def test_exports_pass_over_what_was_erased(url: str, tmp_path: Path) -> None:
    assert main(["audit", "erase", "LAST/1", "--reason", "asked for", "--yes"]) == 0
    assert main(["samples", "export", str(tmp_path / "out.jsonl")]) == 0
    found = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [one["index"] for one in found] == [0, 2, 3, 4]


def test_runs_that_came_of_an_erased_one_are_told(url: str, capsys: Capture) -> None:
    with closing(SQLStore(url)) as store:
        for id in ("b" * 32, "c" * 32):
            store.put_run(make_run(id=id, kind="replay", parent=RUN))
    assert main(["audit", "erase", "c" * 32, "--reason", "asked for", "--yes"]) == 0
    assert "replays or measures" not in capsys.readouterr().err
    assert main(["audit", "erase", RUN, "--reason", "asked for", "--yes"]) == 0
    told = capsys.readouterr().err
    assert f"Run {'b' * 32} replays or measures what was erased, and may have the same seed and texts." in told
    assert "c" * 32 not in told


def test_a_hold_is_placed_listed_and_released(url: str, capsys: Capture) -> None:
    assert main(["audit", "holds"]) == 1
    assert main(["audit", "hold", "run:LAST", "--reason", "a dispute"]) == 0
    assert "Placed hold 1. It ends with: genwright audit release 1." in capsys.readouterr().err
    assert main(["audit", "erase", "LAST/1", "--reason", "asked for", "--yes"]) == 1
    assert f"hold 1 on run:{RUN} forbids it: a dispute" in capsys.readouterr().err
    assert main(["audit", "release", "1", "--reason", "settled"]) == 0
    assert main(["audit", "holds", "--json"]) == 0
    (hold,) = json.loads(capsys.readouterr().out)
    assert (hold["scope"], hold["placer"], hold["ended_reason"]) == (f"run:{RUN}", "ada", "settled")
    assert main(["audit", "holds"]) == 0
    assert "a dispute" in capsys.readouterr().out


def test_a_rule_is_made_applied_and_ended(url: str, capsys: Capture) -> None:
    assert main(["audit", "retention"]) == 1
    assert "There is no retention rule." in capsys.readouterr().err
    assert main(["audit", "retain", "all", "--days", "200", "--reason", "space"]) == 0
    assert "Warning" not in capsys.readouterr().err
    assert main(["audit", "hold", "sample:LAST/0", "--reason", "a dispute"]) == 0
    assert main(["audit", "retention", "apply", "--dry-run"]) == 0
    held = "  1 more are due, and are kept by hold 1.\n"
    assert capsys.readouterr().out == f"Rule 1 on all would erase 4 samples.\n{held}"
    assert main(["audit", "retention", "apply"]) == 0
    assert capsys.readouterr().out == f"Rule 1 on all erased 4 samples.\n{held}"
    assert main(["audit", "retention", "apply", "--json"]) == 0
    left = {"complete": True, "copies": []}
    assert json.loads(capsys.readouterr().out) == [{"rule": 1, "scope": "all", "samples": 0, "held": {"1": 1}, **left}]
    assert main(["audit", "retention", "end", "1", "--reason", "enough"]) == 0
    assert main(["audit", "retention", "list", "--json"]) == 0
    (rule,) = json.loads(capsys.readouterr().out)
    assert (rule["days"], rule["ended_reason"]) == (200, "enough")
    assert main(["audit", "verify"]) == 0


def test_what_a_rule_left_and_copies_are_told(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    (tmp_path / "store.v0.1.0.backup").write_bytes(b"")
    assert main(["audit", "retain", "all", "--days", "200", "--reason", "space"]) == 0
    capsys.readouterr()
    assert main(["audit", "retention", "apply", "--dry-run"]) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("genwright_storage.sqlite.SQLiteDatabase.rewrite", lambda *_: False)
    assert main(["audit", "retention", "apply"]) == 0
    told = capsys.readouterr().err
    assert "Traces are in the file until it is next opened for writing: others use it" in told
    assert f"This copy was made before, and still holds it: {tmp_path / 'store.v0.1.0.backup'}." in told


def test_a_short_rule_is_warned_of(url: str, capsys: Capture) -> None:
    for days, warned in (("182", True), ("183", False)):
        assert main(["audit", "retain", "all", "--days", days, "--reason", "space"]) == 0
        assert ("Articles 19 and 26(6) of the AI Act" in capsys.readouterr().err) == warned


def test_holds_are_told_as_json_as_they_are_listed(url: str, capsys: Capture) -> None:
    for command in (["hold", "run:LAST", "--reason", "a dispute"], ["release", "1", "--reason", "settled"]):
        assert main(["audit", *command, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert main(["audit", "holds", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == [told]
        assert (told["id"], told["scope"], told["reason"], told["placer"]) == (1, f"run:{RUN}", "a dispute", "ada")
    assert (told["ender"], told["ended_reason"]) == ("ada", "settled")
    assert main(["audit", "hold", "all", "--reason", "another", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == 2


@pytest.mark.parametrize("listing", [["audit", "retention"], ["audit", "retention", "list"]])
def test_rules_are_told_as_json_as_they_are_listed(url: str, listing: list[str], capsys: Capture) -> None:
    for command in (
        ["retain", "domain:molecules", "--days", "200", "--reason", "space"],
        ["retention", "end", "1", "--reason", "enough"],
    ):
        assert main(["audit", *command, "--json"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert main([*listing, "--json", "--store", url]) == 0
        assert json.loads(capsys.readouterr().out) == [told]
        assert (told["id"], told["scope"], told["days"], told["reason"]) == (1, "domain:molecules", 200, "space")
    assert (told["ender"], told["ended_reason"]) == ("ada", "enough")


def test_what_several_rules_did_is_one_list_of_json(url: str, capsys: Capture) -> None:
    """Each rule was an object of several lines, which together were no JSON."""
    assert main(["audit", "retention", "apply", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    for scope in ("sample:LAST/0", "all"):
        assert main(["audit", "retain", scope, "--days", "200", "--reason", "space"]) == 0
    capsys.readouterr()
    for options, left in ((["--dry-run"], {}), ([], {"complete": True, "copies": []})):
        assert main(["audit", "retention", "apply", *options, "--json"]) == 0
        first, second = json.loads(capsys.readouterr().out)
        assert first == {"rule": 1, "scope": f"sample:{RUN}/0", "samples": 1, "held": {}, **left}
        assert (second["rule"], second["samples"]) == (2, 5 if options else 4)
