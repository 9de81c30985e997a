from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks import run
from benchmarks.results import from_json
from benchmarks.row import Row, at_least


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Sections of one row each, whose values the test sets; what is kept goes to a folder of the test."""
    values: dict[str, Any] = {"peers": 2.0, "startup": 2.0}

    def case(name: str) -> SimpleNamespace:
        section = name.rpartition(".")[2]
        row = Row(section=section, name="a number", value=values.get(section, 2.0), target=at_least(1.0))
        return SimpleNamespace(TESTS=("tests/benchmarks/test_row.py",), rows=lambda setting: iter([row]))

    monkeypatch.setattr(run.importlib, "import_module", case)
    monkeypatch.setattr(run, "_HERE", tmp_path)
    return values


def test_what_was_measured_is_printed_and_kept(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run.main(["molecules", "--only", "peers"]) == 0
    assert run.main(["molecules", "--only", "startup"]) == 0
    assert "| startup | a number | ≥ 1 | 2 |  | pass |  |  |" in capsys.readouterr().out
    kept = from_json(tmp_path / "results" / "molecules.json")
    assert [section.name for section in kept] == ["peers", "startup"]
    assert "| peers | a number" in (tmp_path / "results" / "molecules.md").read_text(encoding="utf-8")


def test_make_bench_names_what_the_benchmark_takes() -> None:
    makefile = (Path(run.__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    _, _, arguments = makefile.partition("benchmarks/run.py")
    assert run._parser().parse_args(arguments.splitlines()[0].split()).domains == ["molecules"]


def test_sections_of_the_store_are_its_own(found: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    case = run.importlib.import_module
    monkeypatch.setattr(run.importlib, "import_module", lambda name: (imported.append(name), case(name))[1])
    assert run.main(["store", "--smoke", "--only", "peers", "--only", "proof"]) == 0
    assert imported == ["benchmarks.cases.store.peers", "benchmarks.cases.store.proof"]


@pytest.mark.parametrize(
    ("options", "rows"), [([], 100_000), (["--quick"], 10_000), (["--smoke"], 50), (["--smoke", "--rows=7"], 7)]
)
def test_rows_are_as_many_as_asked_for(options: list[str], rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_PEERS_PYTHON", "peers/bin/python")
    setting = run._setting(run._parser().parse_args(["store", *options]), "store", Path())
    assert (setting.rows, setting.peers_python) == (rows, "peers/bin/python")


def test_a_missed_target_fails_and_is_kept(found: dict[str, Any], tmp_path: Path) -> None:
    found["peers"] = 0.5
    assert run.main(["molecules", "--only", "peers"]) == 1
    assert "| 0.5 |  | FAIL |" in (tmp_path / "results" / "molecules.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("option", ["--quick", "--smoke", "--ungated", "--samples=300", "--rows=300"])
def test_what_is_only_tried_is_not_kept(
    found: dict[str, Any], option: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run.main(["molecules", option, "--only", "peers"]) == 0
    assert "for trying things" in capsys.readouterr().out
    assert not (tmp_path / "results").exists()


def test_nothing_is_measured_whose_tests_are_red(
    found: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(tests: list[str]) -> None:
        raise run.Red(f"{tests} fail.")

    monkeypatch.setattr(run, "check_green", refuse)
    assert run.main(["molecules"]) == 1
    assert capsys.readouterr().err == "Refused: ['tests/benchmarks/test_row.py'] fail.\n"
    assert not (tmp_path / "results").exists()


def test_several_domains_are_kept_apart_and_those_of_a_gpu_too(
    found: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = ["kernels", "sampling", "--tested", "--only", "machine", "--only", "drawn"]
    assert run.main(asked) == 0
    monkeypatch.setattr(run.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(run, "environment", dict)
    assert run.main(asked) == 0
    kept = {path.stem: [section.name for section in from_json(path)] for path in tmp_path.glob("results/*.json")}
    here = {"kernels": ["machine"], "sampling": ["drawn"]}
    assert kept == here | {f"{name}-gpu": sections for name, sections in here.items()}


def test_sections_share_the_seconds_that_are_allowed(found: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    until: list[float | None] = []
    monkeypatch.setattr(run, "_measured", lambda name, case, setting: until.append(setting.until))
    monkeypatch.setattr(run.time, "monotonic", lambda: 100.0)
    asked = run._parser().parse_args(["kernels", "--tune", "--seconds", "60"])
    assert run._setting(asked, "kernels", Path()).tunes
    run._found({("kernels", name): run.importlib.import_module(name) for name in ("a", "b", "c")}, asked)
    assert until == [120.0, 130.0, 160.0]
