from __future__ import annotations

import json
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.memory import MemoryStore
from genwright.testing.stores import make_record, make_run
from genwright.testing.toys import toy_registry


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """A run of three rounds, of which the second has a flaw, and after it one of another domain, in a store to open."""
    store = MemoryStore()
    monkeypatch.setattr("genwright.cli.store.open_store", lambda where: store)
    monkeypatch.setattr("genwright.cli.render.registry", toy_registry)
    rounds = make_run(id="5f" * 16, domain="rounds")
    store.put_run(rounds)
    texts = enumerate([("abc", None), ("ac", "b is skipped"), ("cda", None)])
    store.put_samples(
        [
            make_record(rounds, index, payload=text.encode(), media_type="text/plain", canonical=None, flaw=flaw)
            for index, (text, flaw) in texts
        ]
    )
    molecules = make_run(id="6e" * 16)
    store.put_run(molecules)
    store.put_samples([make_record(molecules, 0)])
    return store


def drawn(path: Path) -> list[str]:
    return path.read_text().partition("<text>")[2].partition("</text>")[0].split()


@pytest.mark.parametrize(
    ("ids", "items"),
    [
        (["5f"], ["abc", "cda"]),
        (["5f/2"], ["cda"]),
        (["5f/2", "5f/1", "5f", "5f/0"], ["cda", "abc"]),
        (["5f", "--limit", "1"], ["abc"]),
    ],
)
def test_valid_samples_of_runs_are_drawn_each_once(
    store: MemoryStore, tmp_path: Path, ids: list[str], items: list[str]
) -> None:
    assert main(["samples", "render", *ids, "-o", str(tmp_path / "a.svg")]) == 0
    assert drawn(tmp_path / "a.svg") == items


def test_it_says_where_to_and_how_many(store: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = str(tmp_path / "a.svg"), str(tmp_path / "b.svg")
    assert main(["samples", "render", "5f", "-o", first, "--limit", "1"]) == 0
    assert capsys.readouterr().err == f"1 samples drawn to {first}. More follow; --limit takes up to 400.\n"
    assert main(["samples", "render", "5f", "-o", second, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": second, "samples": 2}


def test_what_has_a_flaw_is_not_drawn(store: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samples", "render", "5f/1", "-o", str(tmp_path / "a.svg")]) == 1
    assert "There is no valid sample to draw." in capsys.readouterr().err
    assert not (tmp_path / "a.svg").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["5f"], 2, "samples are drawn to one file: name it with -o drawn.png, or a page with --html page.html."),
        (["5f", "-o", "a.svg", "--html", "a.html"], 2, "samples are drawn to one file: name it with"),
        (["5f", "--html", "a.svg"], 2, "a page has a name that ends in .html; got 'a.svg'. Name it so."),
        (["5f", "--html", "a.html"], 2, "rounds are drawn as .svg; got 'a.html'. Name it so."),
        (["5f", "6e", "-o", "a.svg"], 2, "samples of one domain; these are of molecules, rounds. Draw one at a time."),
        (["5f/9", "-o", "a.svg"], 2, "there is no sample named"),
        (["77", "-o", "a.svg"], 2, "there is no run named"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    store: MemoryStore, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert main(["samples", "render", *arguments]) == code
    assert message in capsys.readouterr().err


def test_an_html_page_is_asked_of_the_domain_that_makes_pages(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genwright.testing.toys.Rounds.pictures", (".html",))
    monkeypatch.setattr(
        "genwright.testing.toys.Rounds.render",
        lambda self, items, path, *, legends=(): path.write_text(f"{list(items)} {list(legends)}"),
    )
    assert main(["samples", "render", "5f", "--html", str(tmp_path / "a.html")]) == 0
    assert (tmp_path / "a.html").read_text() == "['abc', 'cda'] ['5f5f5f5f/0', '5f5f5f5f/2']"
