import re
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from genwright.errors import UsageError
from genwright.testing.stores import make_run
from genwright_storage import actors, tables
from genwright_storage.actors import Actor
from genwright_storage.store import SQLStore


def test_an_actor_is_the_user_at_this_machine_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GENWRIGHT_ACTOR", raising=False)
    assert re.fullmatch(r"[^@]+@.+", actors.current().subject)
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ada@lab.example")
    assert actors.current() == Actor(subject="ada@lab.example", kind="user")


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container, the user of a process may not be in the list of users."""

    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    monkeypatch.setattr("getpass.getuser", nobody)
    monkeypatch.setattr("os.getuid", lambda: 1000)
    assert actors._user.__wrapped__().startswith("1000@")


@pytest.mark.parametrize("name", [" ", "a\nb", "x" * 201, "plugin:policy", " ada", "a\ud800"])
def test_a_name_that_could_be_mistaken_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"in one line of up to 200 bytes.*; got .*Set GENWRIGHT_ACTOR to a name"):
        Actor(subject=name)


def test_each_run_names_who_started_it_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        for name in ("ada", "bob", "ada"):
            monkeypatch.setenv("GENWRIGHT_ACTOR", name)
            store.put_run(make_run())
        assert [run.actor for run in store.runs()] == ["ada", "bob", "ada"]
        assert store.run("LAST").actor == "ada"
        with store.database.reading() as connection:
            assert connection.execute(select(tables.actor.c.subject)).scalars().all() == ["ada", "bob"]
        assert list(store.verify()) == []


def test_a_run_that_somebody_else_puts_again_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        run = make_run()
        for name in ("ada", "bob"):
            monkeypatch.setenv("GENWRIGHT_ACTOR", name)
            store.put_run(run)
        assert store.run(run.id).actor == "ada"
