import json

import pytest

from genwright.cli import main
from genwright.memory import MemoryStore
from genwright.store import Score
from genwright.testing.stores import make_run


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """A store that every command of the test opens."""
    store = MemoryStore()
    monkeypatch.setattr("genwright.cli.store.open_store", lambda where: store)
    for number, kind in enumerate(("train", "generate", "generate")):
        store.put_run(make_run(id=f"{number}" * 32, kind=kind, seed=number, started=1_790_000_000_000_000_000))
    store.finish_run("1", "failed", error="no space", notes=["an observer was detached"])
    store.put_scores("1", [Score(metric="fcd", value=0.25, error=0.0125, detail="1,000 samples")])
    return store


def test_runs_are_listed_newest_first(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list"]) == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split() == ["RUN", "KIND", "MODEL", "SEED", "PLANNED", "STATE", "STARTED", "(UTC)"]
    assert [line[:1] for line in lines] == ["2", "1", "0"]
    assert lines[1].split()[1:] == ["generate", "molecules/druglike", "1", "10", "failed", "2026-09-21", "14:13:20"]


def test_runs_are_chosen_by_kind_and_number(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--kind", "generate", "--limit", "1", "--json"]) == 0
    captured = capsys.readouterr()
    assert [json.loads(line)["id"] for line in captured.out.splitlines()] == ["2" * 32]
    assert captured.err == "These are the newest 1; --limit 0 lists all.\n"


def test_no_runs_fail(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--kind", "replay"]) == 1
    assert capsys.readouterr() == ("", "The store holds no run of kind replay.\n")


def test_a_run_is_shown_with_all_that_decided_it(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "show", "1"]) == 0
    out = capsys.readouterr().out
    for text in (
        "no space",
        "an observer was detached",
        "rows     16",
        "torch",
        "linux-x86_64",
        "0.25",
        "1,000 samples",
    ):
        assert text in out


def test_a_long_text_is_shown_by_its_beginning_and_whole_as_json(
    store: MemoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """The part of an image that samples were drawn around once filled screens."""
    known, digest = "eJzs" * 500, "f" * 80
    sampler = {"name": "inpaint", "known": known, "inner": {"name": "guided", "levels": [known, 2]}}
    run = make_run(id="3" * 32, config={"sampler": sampler, "digest": digest})
    store.put_run(run)
    assert main(["runs", "show", "3"]) == 0
    out = capsys.readouterr().out
    cut = f"{known[:80]}… (2,000 characters)"
    assert f"'known': '{cut}'" in out
    assert f"'levels': ['{cut}', 2]" in out
    assert f"digest   {digest}\n" in out
    assert max(map(len, out.splitlines())) < 400
    assert main(["runs", "show", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"] == {"sampler": sampler, "digest": digest}


def test_a_run_is_shown_as_json(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "show", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["state"] == "failed"
    assert found["scores"] == [
        {"metric": "fcd", "value": 0.25, "error": 0.0125, "detail": "1,000 samples", "index": None}
    ]


def test_a_run_that_is_not_there_is_a_wrong_call(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "show", "f"]) == 2
    assert "there is no run named 'f'" in capsys.readouterr().err
