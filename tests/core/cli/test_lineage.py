from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.memory import MemoryStore
from genwright.testing.stores import make_record, make_run

ID = f"{'5f' * 16}/1"


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """A store that every command of the test opens."""
    store, run = MemoryStore(), make_run(id="5f" * 16)
    monkeypatch.setattr("genwright.cli.store.open_store", lambda where: store)
    store.put_run(run)
    store.put_samples([make_record(run, index) for index in range(3)])
    return store


def test_a_chain_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "show", "LAST/1"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"sample {ID}\n    seed        7\n    item        CCO\n")
    assert f"\n    model not in this store\n        digest  {'ab' * 32}\n" in out


def test_it_is_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "show", "LAST/1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["sample"]["id"] == ID
    assert found["model"]["recorded"] is False


def test_it_is_drawn_to_a_new_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "chain.svg"
    assert main(["audit", "show", "LAST/1", "--svg", str(path)]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"Drew {path}.\n")
    assert ElementTree.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
    before = path.read_bytes()
    assert main(["audit", "show", "LAST/0", "--svg", str(path)]) == 1
    assert path.read_bytes() == before
    assert main(["audit", "show", "LAST/0", "--svg", str(path), "--force"]) == 0
    assert path.read_bytes() != before


def test_a_picture_is_an_svg_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "show", "LAST/1", "--svg", str(tmp_path / "chain.png")]) == 2
    assert "a lineage is drawn to a .svg file; got 'chain.png'." in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
