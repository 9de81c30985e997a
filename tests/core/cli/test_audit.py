import json
from dataclasses import replace

import pytest

from genwright.cli import main
from genwright.store import MemoryStore
from genwright.testing.stores import make_record, make_run


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
