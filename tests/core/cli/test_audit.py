import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.memory import MemoryStore
from genwright.store import open_store
from genwright.testing.stores import make_record, make_run
from genwright.verdict import Verdict


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """A store that every command of the test opens."""
    store, run = MemoryStore(), make_run(id="5f" * 16)
    monkeypatch.setattr("genwright.cli.store.open_store", lambda where: store)
    store.put_run(run)
    store.put_samples([make_record(run, index) for index in range(3)])
    return store


def test_a_sound_store_passes(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify"]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Verified memory:: 3 samples are as they were put." in captured.err
    assert store.info()["head"]["root"] in captured.err


def test_what_is_wrong_is_named_and_fails(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    kept = store._samples["5f" * 16]
    kept[1] = replace(kept[1], flaw="bad")
    assert main(["audit", "verify"]) == 1
    captured = capsys.readouterr()
    assert captured.out == f"sample {'5f' * 16}/1: it was changed after it was put\n"
    assert "Verified memory:: 1 finding." in captured.err


def test_findings_are_one_object_a_line(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    del store._samples["5f" * 16][2], store._samples["5f" * 16][1]
    assert main(["audit", "verify", "--json"]) == 1
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [finding["where"] for finding in found] == [f"sample {'5f' * 16}/{index}" for index in (1, 2)]


@pytest.mark.parametrize("where", ["memory:", "empty", "mistyped"])
def test_a_store_with_nothing_in_it_does_not_pass(
    where: str, tmp_path: Path, install: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped name once passed: its store was made, and found sound."""
    url = where if where == "memory:" else f"sqlite:///{tmp_path / where}"
    if where == "empty":
        open_store(url).close()
    assert main(["audit", "verify", "--store", url]) == 1
    assert ("there is no such file" if where == "mistyped" else "nothing to verify in") in capsys.readouterr().err
    assert not (tmp_path / "mistyped").exists()


def test_a_store_too_damaged_to_describe_itself_is_still_verified(
    tmp_path: Path, install: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    with closing(open_store(f"sqlite:///{tmp_path / 'store'}")) as store:
        store.put_run(make_run())
    with closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER log_frontier_delete")
        connection.execute("DELETE FROM log_frontier")
    assert main(["audit", "verify", "--store", f"sqlite:///{tmp_path / 'store'}"]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "the head of the ledger: it is not signed",
        "ledger, the right edge of its tree: it is gone or was changed",
    ]
    assert captured.err.endswith(": 2 findings.\n")


def test_a_run_is_replayed_to_the_same_samples(
    rhythms: Path, rhythms_model: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["generate", str(rhythms_model), "-n", "6", "--seed", "1"])
    capsys.readouterr()
    assert main(["audit", "replay", "--all"]) == 0
    assert capsys.readouterr().out == "6 of 6 identical\n"
    # The replay is the newest run by now, and LAST is still the one that generated.
    assert main(["audit", "replay", "LAST/0", "LAST/5"]) == 0
    assert capsys.readouterr().out == "2 of 2 identical\n"
    assert main(["audit", "replay", "LAST/3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "identical"
    assert main(["runs", "list", "--kind", "replay", "--json"]) == 0
    replays = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [replay["state"] for replay in replays] == ["finished"] * 3


@pytest.fixture
def stands_for(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Have replays give these verdicts, by the sample's id."""

    def use(outcomes: dict[str, str]) -> None:
        found = [
            Verdict(sample=id, outcome=o, reason=f"because {o}", drift=("torch was 1, is 2",))  # type: ignore[arg-type]
            for id, o in outcomes.items()
        ]
        monkeypatch.setattr("genwright.api.replay", lambda run, **choices: iter(found))

    return use


def test_what_is_not_identical_is_told_and_fails(
    stands_for: Callable[[dict[str, str]], None], store: MemoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """The drift is told once a run: it once stood below each sample."""
    stands_for({"a/0": "identical", "a/1": "different", "a/2": "not repeatable", "b/3": "identical", "b/4": "close"})
    assert main(["audit", "replay", "--all", "--run", "5f"]) == 1
    assert capsys.readouterr().out == (
        "a/1: different, because different\n  torch was 1, is 2\na/2: not repeatable, because not repeatable\n"
        "b/4: close, because close\n  torch was 1, is 2\n"
        "2 of 5 identical\n1 of 5 close\n1 of 5 different\n1 of 5 not repeatable\n"
    )


def test_with_json_the_summary_is_beside_the_data(
    stands_for: Callable[[dict[str, str]], None], store: MemoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    stands_for({"a/0": "identical", "a/1": "different"})
    assert main(["audit", "replay", "--all", "--json"]) == 1
    captured = capsys.readouterr()
    assert [json.loads(line)["outcome"] for line in captured.out.splitlines()] == ["identical", "different"]
    assert "1 of 2 identical\n1 of 2 different\n" in captured.err


def test_a_store_without_a_sample_to_replay_does_not_pass(store: MemoryStore) -> None:
    store._samples["5f" * 16].clear()
    assert main(["audit", "replay", "--all"]) == 1


@pytest.mark.parametrize("arguments", [[], ["LAST/0", "--all"], ["LAST/0", "--run", "LAST"], ["a/0", "--sample", "1"]])
def test_a_replay_takes_samples_or_runs(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "replay", *arguments]) == 2
    assert "a replay takes ids of samples; or --run, --sample or --all for" in capsys.readouterr().err


def test_a_seed_is_for_a_choice_at_random(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "replay", "--all", "--seed", "1"]) == 2
    assert "--seed decides which samples --sample takes; it came without." in capsys.readouterr().err


def test_all_samples_of_the_store_are_replayed_or_some_at_random_by_a_seed_that_is_told(
    rhythms: Path, rhythms_model: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in "12":
        main(["generate", str(rhythms_model), "-n", "6", "--seed", seed])
    with closing(open_store()) as opened:
        [old, new] = sorted(run.id for run in opened.runs(kind="generate"))
    capsys.readouterr()
    assert main(["audit", "replay", "--all"]) == 0
    assert capsys.readouterr().out == "12 of 12 identical\n"
    assert main(["audit", "replay", "--run", old]) == 0
    assert capsys.readouterr().out == "6 of 6 identical\n"
    assert main(["audit", "replay", "--sample", "5", "--json"]) == 0
    captured = capsys.readouterr()
    found = [json.loads(line)["sample"] for line in captured.out.splitlines()]
    assert len(set(found)) == 5
    told = re.search(r"Drawing again 5 of 12 samples, chosen by --seed (\d+)", captured.err)
    assert told is not None
    assert main(["audit", "replay", "--sample", "5", "--seed", told[1], "--json"]) == 0
    assert [json.loads(line)["sample"] for line in capsys.readouterr().out.splitlines()] == found
    assert main(["audit", "replay", "--run", new, "--sample", "100", "--seed", "1"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, "Drawing again 6 of 6 samples" in captured.err) == ("6 of 6 identical\n", True)
