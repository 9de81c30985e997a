import json
from contextlib import closing
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.testing.stores import make_run
from genwright_storage.store import SQLStore

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'store'}"
    monkeypatch.setenv("GENWRIGHT_STORE", url)
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ada")
    with closing(SQLStore(url)) as store:
        store.put_run(make_run())
    return url


@pytest.mark.parametrize("command", [["store", "roles"], ["store", "roles", "list"]])
def test_a_store_without_roles_says_that_everybody_may_do_everything(
    url: str, command: list[str], capsys: Capture
) -> None:
    assert main(command) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (
        "",
        "Nobody has a role, so everybody may do everything. You are ada.\n",
    )


def test_roles_are_granted_listed_and_revoked(url: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(["store", "roles", "grant", "bob", "viewer"]) == 2
    assert "the first role makes an admin" in capsys.readouterr().err
    assert main(["store", "roles", "grant", "ada", "admin"]) == 0
    assert "ada is admin. You are ada." in capsys.readouterr().err
    assert main(["store", "roles", "grant", "bob", "viewer"]) == 0
    monkeypatch.setenv("GENWRIGHT_ACTOR", "bob")
    assert main(["runs", "list"]) == 0
    assert main(["store", "roles", "grant", "bob", "admin"]) == 1
    assert "this needs the role admin in the store; bob has viewer. Ask an admin: ada." in capsys.readouterr().err
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ada")
    assert main(["store", "roles", "revoke", "bob", "viewer", "--reason", "left"]) == 0
    capsys.readouterr()
    assert main(["store", "roles", "list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["holder"], one["role"], one["ended_reason"]) for one in found] == [
        ("ada", "admin", None),
        ("bob", "viewer", "left"),
    ]
    assert main(["store", "roles"]) == 0
    assert "bob  viewer  ada" in capsys.readouterr().out
    assert main(["audit", "verify"]) == 0


def test_an_admin_alone_collects_files(url: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for holder, role in (("ada", "admin"), ("bob", "generator")):
        assert main(["store", "roles", "grant", holder, role]) == 0
    monkeypatch.setenv("GENWRIGHT_ACTOR", "bob")
    assert main(["store", "gc", "--dry-run"]) == 0
    assert main(["store", "gc"]) == 1
    assert "this needs the role admin" in capsys.readouterr().err


def test_a_role_is_one_of_five(url: str, capsys: Capture) -> None:
    assert main(["store", "roles", "grant", "bob", "king"]) == 2
    assert "'viewer', 'generator', 'reviewer', 'auditor', 'admin'" in capsys.readouterr().err


def test_what_is_granted_and_revoked_is_told_as_json(url: str, capsys: Capture) -> None:
    assert main(["store", "roles", "grant", "ada", "admin", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"holder": "ada", "role": "admin"}
    assert main(["store", "roles", "grant", "bob", "viewer"]) == 0
    capsys.readouterr()
    assert main(["store", "roles", "revoke", "bob", "viewer", "--reason", "left", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"holder": "bob", "role": "viewer"}


def test_an_admin_who_leaves_is_told_so_as_json(url: str, capsys: Capture) -> None:
    """Whoever has no role any more may read nothing, not even what was done last."""
    for holder in ("ada", "bob"):
        assert main(["store", "roles", "grant", holder, "admin"]) == 0
    capsys.readouterr()
    assert main(["store", "roles", "revoke", "ada", "admin", "--reason", "left", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"holder": "ada", "role": "admin"}


def test_roles_are_listed_by_default_with_the_same_options(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    assert main(["store", "roles", "grant", "ada", "admin"]) == 0
    monkeypatch.setenv("GENWRIGHT_STORE", f"sqlite:///{tmp_path / 'another'}")
    capsys.readouterr()
    listed = []
    for words in ([], ["list"]):
        assert main(["store", "roles", *words, "--store", url, "--json"]) == 0
        listed.append(json.loads(capsys.readouterr().out))
    assert [one["holder"] for one in listed[0]] == ["ada"]
    assert listed[0] == listed[1]


def test_options_before_another_command_are_refused_and_not_passed_over(url: str, capsys: Capture) -> None:
    assert main(["store", "roles", "--store", url, "grant", "ada", "admin"]) == 2
    assert "unexpected extra arguments (grant ada admin)" in capsys.readouterr().err
    assert main(["store", "roles", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
