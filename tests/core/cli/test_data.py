from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from genwright.cli import main

Capture = pytest.CaptureFixture[str]
CONTENT = b"x..x..x.\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def claves(install: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR", raising=False)
    install(
        "rhythms",
        f"""
        from genwright.hooks import hookimpl
        from genwright.specs import DatasetSpec
        @hookimpl
        def register_datasets():
            for name, url in (("claves", "package://genwright_rhythms_plugin_data/claves.txt"),
                              ("bells", ""), ("drums", "http://127.0.0.1:9/drums.txt")):
                yield DatasetSpec(name=name, target="a:b", summary=f"all {{name}}", domain="rhythms", url=url,
                                  sha256="{SHA256}", licence="CC0-1.0", rows=1234)
        """,
    )


@pytest.fixture
def package(site: Path) -> Path:
    folder = site / "genwright_rhythms_plugin_data"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "claves.txt").write_bytes(CONTENT)
    return folder / "claves.txt"


def test_data_sets_are_listed_with_where_they_are(package: Path, capsys: Capture) -> None:
    assert main(["data", "list", "--domain", "rhythms"]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    shown = {line[0]: [cell.strip() for cell in line if cell.strip()] for line in lines}
    assert shown["claves"] == ["claves", "rhythms", "1,234", str(package), "all claves"]
    assert shown["bells"][3] == "at no known address"
    assert shown["drums"][3] == "to be fetched"


def test_no_data_set_found_exits_with_1(capsys: Capture) -> None:
    assert main(["data", "list", "--domain", "smells"]) == 1
    assert capsys.readouterr() == ("", "No plugin names a data set of smells.\n")
    assert main(["data", "list", "--domain", "smells", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == []


def test_a_package_that_is_missing_is_told_in_the_list(capsys: Capture) -> None:
    assert main(["data", "list", "--json"]) == 0
    where = {spec["name"]: spec["where"] for spec in json.loads(capsys.readouterr().out)}
    assert "which is not installed" in where["claves"]


def test_a_data_set_is_shown_with_its_licence_and_origin(package: Path, capsys: Capture) -> None:
    assert main(["data", "show", "claves"]) == 0
    printed = capsys.readouterr().out
    assert "licence  CC0-1.0" in printed
    assert "origin   genwright-rhythms 0.3.1" in printed
    assert main(["data", "show", "claves", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sha256"] == SHA256


def test_fetch_prints_where_the_file_is(package: Path, capsys: Capture) -> None:
    assert main(["data", "fetch", "claves"]) == 0
    assert capsys.readouterr().out == f"{package}\n"
    assert main(["data", "fetch", "claves", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"claves": str(package)}


def test_fetch_that_fails_exits_with_1(capsys: Capture) -> None:
    assert main(["data", "fetch", "drums"]) == 1
    assert (
        "Error: data set 'drums' is fetched from http://127.0.0.1:9/drums.txt, which failed" in capsys.readouterr().err
    )
    assert main(["data", "fetch", "bells"]) == 1
    assert "is at no known address" in capsys.readouterr().err


def test_fetch_of_an_unknown_name_fetches_nothing(capsys: Capture) -> None:
    assert main(["data", "fetch", "drums", "clavs"]) == 2
    assert "there is no dataset named 'clavs'. Did you mean 'claves'?" in capsys.readouterr().err
