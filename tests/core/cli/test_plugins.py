from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from genwright.cli import main

Install = Callable[..., None]
Capture = pytest.CaptureFixture[str]

STORE = """
from genwright.hooks import hookimpl
from genwright.specs import StoreSpec
@hookimpl
def register_stores():
    yield StoreSpec(name="tape", target="a:b", summary="slow")
"""


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that would have been run, all but the first of which succeed."""
    run: list[list[str]] = []

    def record(command: list[str], **options: object) -> SimpleNamespace:
        run.append(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, "run", record)
    return run


@pytest.mark.parametrize("command", [["plugins"], ["plugins", "list"]])
def test_what_is_installed_is_listed_and_why_any_was_refused(
    install: Install, capsys: Capture, command: list[str]
) -> None:
    install("tape", STORE)
    install("bad", "import no_such_module")
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:4] for line in lines if line.startswith("tape")] == [["tape", "genwright-tape", "0.3.1", "1"]]
    assert any(line.startswith("bad ") and "refused: it cannot be imported: ModuleNotFound" in line for line in lines)
    assert any(line.startswith("core ") and " families" in line for line in lines)


def test_a_plugin_that_only_observes_is_listed_as_such(install: Install, capsys: Capture) -> None:
    install("eye", "from genwright.hooks import hookimpl\n@hookimpl\ndef on_step(step): ...\n")
    main(["plugins", "list"])
    assert "nothing but observers" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["plugins"], ["plugins", "list"]])
def test_the_list_as_json_has_the_components(install: Install, capsys: Capture, command: list[str]) -> None:
    install("tape", STORE)
    install("bad", "1/0")
    assert main([*command, "--json"]) == 0
    found = {plugin["name"]: plugin for plugin in json.loads(capsys.readouterr().out)}
    assert found["tape"]["components"] == [{"kind": "store", "name": "tape", "version": 1, "summary": "slow"}]
    assert found["tape"]["trouble"] is None
    assert found["bad"]["trouble"].startswith("it cannot be imported: ZeroDivisionError")


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["molecules"], "install genwright-molecules"),
        (["genwright-audio", "./x", "molecules==0.2"], "install genwright-audio ./x genwright-molecules==0.2"),
        (["molecules[all]"], "install 'genwright-molecules[all]'"),
        (["Molecules >= 0.2"], "install 'genwright-molecules >= 0.2'"),
        (["x-1.0-py3-none-any.whl"], "install x-1.0-py3-none-any.whl"),
        (["-U", "molecules"], "install --upgrade genwright-molecules"),
        (["-e", "./a", "./b"], "install --editable ./a --editable ./b"),
        (["git+https://example.org/x.git"], "install git+https://example.org/x.git"),
    ],
)
def test_install_hands_pip_what_short_names_stand_for(arguments: list[str], command: str, capsys: Capture) -> None:
    assert main(["plugins", "install", "--dry-run", *arguments]) == 0
    assert capsys.readouterr().out == f"{sys.executable} -m pip {command}\n"


def test_install_runs_pip_and_then_lists_what_there_is(commands: list[list[str]]) -> None:
    assert main(["plugins", "install", "molecules"]) == 0
    assert commands == [
        [sys.executable, "-m", "pip", "install", "genwright-molecules"],
        [sys.executable, "-m", "genwright", "plugins", "list"],
    ]


def test_what_pip_is_asked_and_what_there_is_afterwards_are_json_where_that_was_asked(
    install: Install, commands: list[list[str]], capsys: Capture
) -> None:
    install("tape", STORE)
    assert main(["plugins", "install", "--dry-run", "--json", "molecules"]) == 0
    pip = [sys.executable, "-m", "pip"]
    assert json.loads(capsys.readouterr().out) == {"command": [*pip, "install", "genwright-molecules"]}
    assert main(["plugins", "install", "--json", "molecules"]) == 0
    assert commands[-1][-2:] == ["list", "--json"]
    assert main(["plugins", "uninstall", "--yes", "--json", "tape"]) == 0
    assert json.loads(capsys.readouterr().out) == {"uninstalled": "genwright-tape"}


def test_an_option_is_no_name_of_a_plugin(capsys: Capture) -> None:
    assert main(["plugins", "install", "--", "--index-url=http://example.org"]) == 2
    assert "got the option '--index-url=http://example.org'. Leave it out." in capsys.readouterr().err


def test_an_environment_without_pip_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["plugins", "install", "molecules"]) == 2
    assert "-m ensurepip; or, with uv: uv pip install genwright-molecules" in capsys.readouterr().err


def test_pip_that_fails_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda command, **options: SimpleNamespace(returncode=23))
    assert main(["plugins", "install", "molecules"]) == 1


def test_a_broken_plugin_is_uninstalled_by_its_name_without_being_loaded(
    install: Install, commands: list[list[str]]
) -> None:
    install("bad", "import os; os._exit(9)", dist="somebody-bad")
    assert main(["plugins", "uninstall", "bad", "-y"]) == 0
    assert main(["plugins", "uninstall", "somebody-bad", "-y"]) == 0
    assert commands == [[sys.executable, "-m", "pip", "uninstall", "--yes", "somebody-bad"]] * 2


def test_what_is_not_installed_is_not_uninstalled(install: Install, capsys: Capture) -> None:
    install("tape", STORE)
    assert main(["plugins", "uninstall", "tapes", "-y"]) == 2
    assert "there is no plugin named 'tapes'. Did you mean 'tape'" in capsys.readouterr().err


def test_uninstall_asks_first(install: Install, commands: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    install("tape", STORE)
    monkeypatch.setattr("click.confirm", lambda *_, **__: exec("raise __import__('click').Abort"))
    assert main(["plugins", "uninstall", "tape"]) == 130
    assert commands == []


def test_new_writes_a_plugin_and_says_what_next(tmp_path: Path, capsys: Capture) -> None:
    assert main(["plugins", "new", "my-domain", "--folder", str(tmp_path / "mine")]) == 0
    out, err = capsys.readouterr()
    assert str(tmp_path / "mine" / "src" / "genwright_my_domain" / "plugin.py") in out.splitlines()
    assert err == f"Next: genwright plugins install -e {tmp_path / 'mine'}\n"
    assert main(["plugins", "new", "my-domain", "--folder", str(tmp_path / "other"), "--json"]) == 0
    assert str(tmp_path / "other" / "README.md") in json.loads(capsys.readouterr().out)


def test_check_of_a_refused_plugin_fails_with_the_reason(install: Install, capsys: Capture) -> None:
    install("bad", "1/0")
    assert main(["plugins", "check", "bad"]) == 1
    assert "it is taken  failed: it cannot be imported: ZeroDivisionError" in capsys.readouterr().out
    assert main(["plugins", "check", "bad", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[0]["check"] == "it is taken"


def test_check_of_a_good_plugin_passes(install: Install, capsys: Capture) -> None:
    install("tape", STORE.replace("a:b", "io:BytesIO"))
    assert main(["plugins", "check", "tape"]) == 0
    assert "store tape: its target is what it should be  ok" in capsys.readouterr().out


def test_check_says_what_was_not_checked_and_passes_all_the_same(install: Install, capsys: Capture) -> None:
    install("tape", STORE.replace("a:b", "io:BytesIO"))
    assert main(["plugins", "check", "tape"]) == 0
    lines = [line.split("  ", 1) for line in capsys.readouterr().out.splitlines()]
    (outcome,) = (end.strip() for name, end in lines if name == "store tape: it keeps its contract")
    assert outcome.startswith("not checked: tape:///PATH does not open: ")
    assert main(["plugins", "check", "tape", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)[-1]
    assert (line["check"], line["trouble"]) == ("store tape: it keeps its contract", None)
    assert line["skipped"].startswith("tape:///PATH does not open: ")
