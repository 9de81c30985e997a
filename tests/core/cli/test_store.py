import json
from pathlib import Path

import pytest

from genwright.cli import main


def test_the_path_of_the_default_store_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GENWRIGHT_STORE", f"sqlite:///{tmp_path / 'a.sqlite'}?mode=ro")
    assert main(["store", "path"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'a.sqlite'}\n"
    assert main(["store", "path", "--json"]) == 0
    url, path = f"sqlite:///{tmp_path / 'a.sqlite'}?mode=ro", str(tmp_path / "a.sqlite")
    assert json.loads(capsys.readouterr().out) == {"url": url, "path": path}
    assert list(tmp_path.iterdir()) == []


def test_the_url_of_a_store_without_a_path_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "path", "--store", "memory:"]) == 0
    assert capsys.readouterr().out == "memory:\n"
    assert main(["store", "path", "--store", "memory:", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"url": "memory:", "path": None}


@pytest.mark.parametrize(("url", "path"), [("a%20b.db", "a b.db"), ("a#b.db?mode=ro", "a#b.db")])
def test_the_path_of_a_store_is_that_of_its_file(
    url: str, path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "path", "--store", f"sqlite:///{tmp_path}/{url}"]) == 0
    assert capsys.readouterr().out == f"{tmp_path}/{path}\n"


def test_info_says_how_much_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "info", "--store", "memory:"]) == 0
    out = capsys.readouterr().out
    assert "samples      0\n" in out
    assert "ledger size  0\n" in out
    assert main(["store", "info", "--store", "memory:", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["head"]["size"] == 0


def test_an_unknown_kind_of_store_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "info", "--store", "memori:"]) == 2
    assert "there is no store named 'memori'" in capsys.readouterr().err


def test_the_path_of_a_store_on_a_server_is_printed_without_the_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "path", "--store", "postgresql+psycopg://me:secret@host/db"]) == 0
    assert capsys.readouterr().out == "postgresql+psycopg://me@host/db\n"
