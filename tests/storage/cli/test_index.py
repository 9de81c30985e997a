import json
from contextlib import closing
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.query import Query
from genwright.testing.stores import make_record, make_run
from genwright_storage.store import SQLStore

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'store'}"
    with closing(SQLStore(url)) as store:
        run = make_run(domain="nothing")
        store.put_run(run)
        store.put_samples([make_record(run, index) for index in range(10)])
    return url


def test_a_store_is_indexed_and_says_what_was_new(url: str, capsys: Capture) -> None:
    for options, count in (([], 11), ([], 0), (["--rebuild"], 11)):
        assert main(["store", "index", *options, "--store", url]) == 0
        assert capsys.readouterr().err == f"Indexed {url}: {count} rows were new to the index.\n"
    done: list[int] = []
    with closing(SQLStore(url)) as store:
        assert len(list(store.search(Query(match="cco"), progress=done.append))) == 1
    assert done == []


def test_a_search_makes_no_store_and_leaves_other_files_alone(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "empty"
    assert main(["samples", "search", "x", "--store", f"sqlite:///{path}"]) == 1
    assert "is to be read; there is no such file" in capsys.readouterr().err
    path.touch()
    assert main(["samples", "search", "x", "--store", f"sqlite:///{path}"]) == 1
    assert path.stat().st_size == 0


def test_a_search_from_the_command_line_keeps_its_index(url: str, capsys: Capture) -> None:
    assert main(["samples", "search", "CCCO", "--store", url]) == 0
    assert main(["store", "index", "--store", url]) == 0
    assert "1 rows were new" in capsys.readouterr().err


def test_only_a_store_in_sql_has_an_index(capsys: Capture) -> None:
    assert main(["store", "index", "--store", "memory:"]) == 2
    assert "this command needs a store in SQL; got memory:" in capsys.readouterr().err


def test_what_was_indexed_is_told_as_json(url: str, capsys: Capture) -> None:
    for count in (11, 0):
        assert main(["store", "index", "--store", url, "--json"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out) == {"url": url, "rows": count}
        assert err == f"Indexed {url}: {count} rows were new to the index.\n"
