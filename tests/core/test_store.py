import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from genwright.errors import UnknownName, UsageError
from genwright.memory import MemoryStore
from genwright.store import open_store


def test_a_store_is_opened_by_the_scheme_of_its_url() -> None:
    assert isinstance(open_store("memory:"), MemoryStore)


def test_a_store_is_opened_as_it_is() -> None:
    store = MemoryStore()
    assert open_store(store) is store


def test_an_unknown_scheme_names_those_there_are() -> None:
    with pytest.raises(UnknownName, match=r"there is no store named 'memori'. Did you mean 'memory'"):
        open_store("memori:")


def test_a_path_is_not_taken_for_a_url() -> None:
    with pytest.raises(UsageError, match=r"named by a URL; got 'a.sqlite'. For a file write sqlite:///a.sqlite."):
        open_store("a.sqlite")


@pytest.mark.parametrize("where", [True, False, Path("runs.sqlite")])
def test_what_is_neither_store_nor_url_is_refused(where: Any) -> None:
    with pytest.raises(UsageError, match=r"a store is named by a URL; got .*For a file write sqlite:///PATH."):
        open_store(where)


@pytest.mark.parametrize("name", ["\udcff", "a\0b", "a%00b"])
def test_a_place_that_is_no_plain_text_is_refused(name: str, tmp_path: Path) -> None:
    """SQLite once made a file whose name ended where NUL stood."""
    with pytest.raises(
        UsageError, match=r"a store's URL is plain text; got .*\.db', with NUL or a lone surrogate in it"
    ):
        open_store(f"sqlite:///{tmp_path}/{name}.db")
    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_the_default_store(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_STORE", "memory:")
    assert isinstance(open_store(), MemoryStore)


def test_importing_it_imports_no_torch() -> None:
    code = "import sys, genwright.store; print(sorted({'torch', 'sqlalchemy', 'rdkit'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=_environment())
    assert out.stdout.strip() == "[]"


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
