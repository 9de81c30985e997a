from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.memory import MemoryStore
from genwright.testing.stores import make_record, make_run
from genwright.testing.toys import toy_registry

Said = Callable[..., tuple[int, str, str]]
RUN = "5f" * 16


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """A store with samples of a toy domain, one of them flawed, and a run of another domain."""
    store, registry = MemoryStore(), toy_registry()
    monkeypatch.setattr("genwright.cli.store.open_store", lambda where: store)
    monkeypatch.setattr("genwright.cli.render.registry", lambda: registry)
    run = make_run(id=RUN, domain="rounds")
    store.put_run(run)
    drawn = [(b"abba", None), (b"acab", "it is no round"), (b"baca", None)]
    store.put_samples([make_record(run, at, payload=item, flaw=flaw) for at, (item, flaw) in enumerate(drawn)])
    other = make_run(id="a0" * 16, domain="molecules")
    store.put_run(other)
    store.put_samples([make_record(other, 0)])
    return store


@pytest.fixture
def say(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["samples", "render", *map(str, arguments)])
        return code, *capsys.readouterr()

    return run


def test_the_valid_samples_of_a_run_are_drawn(say: Said, tmp_path: Path) -> None:
    code, out, err = say(RUN, "-o", tmp_path / "drawn.svg")
    assert (code, out, err) == (0, "", f"2 samples drawn to {tmp_path / 'drawn.svg'}.\n")
    drawn = (tmp_path / "drawn.svg").read_text()
    assert "abba" in drawn
    assert "acab" not in drawn


def test_single_samples_are_drawn_once_and_told_as_json(say: Said, tmp_path: Path) -> None:
    code, out, _ = say(f"{RUN}/2", f"{RUN}/2", "-o", tmp_path / "one.svg", "--json")
    assert code == 0
    assert json.loads(out) == {"file": str(tmp_path / "one.svg"), "samples": 1}


def test_what_is_over_the_limit_is_told(say: Said, tmp_path: Path) -> None:
    assert say(RUN, "-o", tmp_path / "drawn.svg", "--limit", 1)[2].endswith("More follow; --limit takes up to 400.\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((RUN,), "name it with -o drawn.png, or a page with --html page.html"),
        ((RUN, "-o", "a.svg", "--html", "a.html"), "samples are drawn to one file"),
        ((RUN, "--html", "a.svg"), "a page has a name that ends in .html; got 'a.svg'. Name it so."),
        ((RUN, "--html", "a.html"), "rounds are drawn as .svg; got 'a.html'. Name it so."),
        ((RUN, "a0" * 16, "-o", "a.svg"), "a drawing is of samples of one domain; these are of molecules, rounds."),
    ],
)
def test_other_files_and_samples_are_refused(say: Said, arguments: tuple[str, ...], words: str) -> None:
    code, _, err = say(*arguments)
    assert code == 2
    assert words in err


def test_nothing_to_draw_is_no_success(say: Said, tmp_path: Path) -> None:
    assert say(f"{RUN}/1", "-o", tmp_path / "a.svg")[::2] == (1, "There is no valid sample to draw.\n")
    assert not (tmp_path / "a.svg").exists()
