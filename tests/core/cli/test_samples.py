import json
import re
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from genwright.cli import main
from genwright.exporters.row import Origin
from genwright.memory import MemoryStore
from genwright.registry import Registry
from genwright.samples import Review
from genwright.specs import ExporterSpec
from genwright.store import Score, Store, open_store
from genwright.testing.stores import make_record, make_run
from genwright.testing.toys import toy_registry


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryStore]:
    """A store that every command of the test opens."""
    store = MemoryStore()
    monkeypatch.setattr("genwright.cli.store.open_store", lambda where: store)
    run = make_run(id="5f" * 16)
    store.put_run(run)
    review = Review(reviewer="policy", passed=False, reason="too short")
    store.put_samples(
        [
            make_record(run, 0, payload=b"CCO", canonical="CCO"),
            make_record(run, 1, payload=b"C(", canonical=None, flaw="a bracket is not closed", reviews=(review,)),
            make_record(run, 2, payload=b"\x89PNG" * 1000, media_type="image/png", canonical=None),
        ]
    )
    return store


def lines(text: str) -> list[str]:
    return text.splitlines()[1:]


def test_samples_are_listed_with_their_flaws(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samples", "list"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["SAMPLE", "ITEM", "FLAW"]
    assert lines(out)[0] == f"{'5f' * 16}/0  CCO"
    assert lines(out)[1].endswith("C(                      a bracket is not closed")
    assert lines(out)[2].endswith("image/png, 4,000 bytes")


def test_json_is_one_object_a_line(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samples", "list", "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [sample["item"] for sample in found] == ["CCO", "C(", None]
    assert found[1]["flaw"] == "a bracket is not closed"
    assert found[1]["reviews"] == [{"reviewer": "policy", "passed": False, "reason": "too short"}]


@pytest.mark.parametrize(
    ("options", "indices"),
    [
        (["list", "--valid"], [0, 2]),
        (["list", "--invalid"], [1]),
        (["list", "--run", "5f"], [0, 1, 2]),
        (["list", "--limit", "2"], [0, 1]),
        (["search", "CO"], [0]),
        (["search", "C", "--invalid"], [1]),
        (["search", "--identity", "KEY-00002"], [2]),
        (["list", "--domain", "molecules"], [0, 1, 2]),
        (["list", "--identity", "KEY-00001"], [1]),
    ],
)
def test_samples_are_chosen_by_options(
    store: MemoryStore, capsys: pytest.CaptureFixture[str], options: list[str], indices: list[int]
) -> None:
    assert main(["samples", *options, "--json"]) == 0
    found = [json.loads(line)["index"] for line in capsys.readouterr().out.splitlines()]
    assert found == indices


def test_a_cut_list_says_so(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samples", "list", "--limit", "2"]) == 0
    assert capsys.readouterr().err == "There are more than these 2; --limit 0 lists all.\n"
    assert main(["samples", "list", "--limit", "3"]) == 0
    assert capsys.readouterr().err == ""
    assert main(["samples", "list", "--limit", "0"]) == 0
    assert len(lines(capsys.readouterr().out)) == 3


@pytest.mark.parametrize(
    "command", [["samples", "list"], ["runs", "list"], ["store", "info"], ["samples", "show", "LAST/0"]]
)
def test_a_command_that_only_reads_makes_no_store(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--store", f"sqlite:///{tmp_path / 'deep' / 'store'}"]) == 1
    assert "is to be read; there is no such file. Name another" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["samples", "runs"])
@pytest.mark.parametrize("limit", [2**63 - 1, 10**20])
def test_a_limit_that_is_too_large_is_a_wrong_call(
    command: str, limit: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, "list", "--limit", str(limit)]) == 2
    assert f"{limit} is not in the range 0<=x<={2**63 - 2}" in capsys.readouterr().err


def test_nothing_found_fails(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samples", "search", "N"]) == 1
    assert capsys.readouterr() == ("", "No sample was found.\n")


def test_a_domain_without_samples_is_told_apart_from_one_that_is_not_there(
    store: MemoryStore, toys: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("cli.samples", "exports"):
        monkeypatch.setattr(f"genwright.{module}.registry", lambda: toys)
    assert main(["samples", "list", "--domain", "rounds"]) == 1
    assert capsys.readouterr() == ("", "No sample was found.\n")
    for command in (["list"], ["search", "C"], ["export", "-"]):
        assert main(["samples", *command, "--domain", "round"]) == 2
        assert "there is no domain named 'round'. Did you mean 'rounds'?" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--valid"], ["--run", "5f"], ["--domain", "molecules"], ["--within", "3"]])
def test_a_search_for_nothing_is_a_wrong_call(
    store: MemoryStore, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["samples", "search", *options]) == 2
    assert "a search needs a text, an identity or another option that says what" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "indices"),
    [
        (["--match", "cco"], [0]),
        (["--score", "qed=0.4..1"], [2, 0]),
        (["--score", "qed=..0.5"], [0, 1]),
        (["--score", "qed=0.5", "--valid"], [0]),
        (["--where", "logP=2.."], [2, 1, 0]),
        (["--where", "logP=2.5", "C("], [1]),
        (["--where", "logP=3.."], []),
        (["--where", "logP=high"], []),
        (["--where", "logP=a..b"], []),
    ],
)
def test_samples_are_searched_by_words_scores_and_conditions(
    store: MemoryStore, capsys: pytest.CaptureFixture[str], options: list[str], indices: list[int]
) -> None:
    values = {0: 0.5, 1: 0.1, 2: 0.9}
    store.put_scores("5f", [Score(metric="qed", value=value, index=index) for index, value in values.items()])
    assert main(["samples", "search", *options, "--json"]) == (0 if indices else 1)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [sample["index"] for sample in found] == indices
    if "--score" in options:
        assert [sample["value"] for sample in found] == [values[index] for index in indices]


def test_a_search_says_how_to_go_on(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    search = ["samples", "search", "--where", "logP=0..9", "--limit", "2"]
    assert main(search) == 0
    captured = capsys.readouterr()
    assert [line.partition(" ")[0][-1] for line in lines(captured.out)] == ["2", "1"]
    said = re.fullmatch(r"There are more than these 2; --limit 0 lists all, --after (\S+) the next.\n", captured.err)
    assert said is not None
    store.put_samples([make_record(store.run("5f"), 3)])
    assert main([*search, "--after", said[1]]) == 0
    captured = capsys.readouterr()
    assert lines(captured.out) == [f"{'5f' * 16}/0  CCO"]
    assert captured.err == ""
    assert main([*search, "--after", "x"]) == 2
    assert "goes on after a cursor that the same search gave; got 'x'" in capsys.readouterr().err


def test_a_search_by_score_prints_the_values(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    store.put_scores("5f", [Score(metric="qed", value=1 / 3, index=0)])
    assert main(["samples", "search", "--score", "qed=0..1"]) == 0
    assert capsys.readouterr().out.split() == ["SAMPLE", "ITEM", "FLAW", "VALUE", f"{'5f' * 16}/0", "CCO", "0.333333"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--score", "qed=high"], "qed is asked for as a number or LOW..HIGH; got 'high'. Example: qed=0.5..1."),
        (["--score", "qed=1..0"], "the bounds of qed are a number and one that is no lower; got 1.0 and 0.0"),
        (["--score", "qed=nan"], "the bounds of qed are a number and one that is no lower; got nan and nan"),
        (["--score", "qed=1", "--score", "qed=2"], "qed is given once; got '1' and '2'. Leave one of them out."),
        (["--match", "(*)"], "which has none. Look for signs as a text: genwright samples search TEXT."),
    ],
)
def test_a_search_that_is_written_wrongly_is_refused(
    store: MemoryStore, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["samples", "search", *options]) == 2
    assert message in capsys.readouterr().err


def test_a_sample_is_shown_with_its_origin(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samples", "show", "LAST/1"]) == 0
    out = capsys.readouterr().out
    assert "flaw        a bracket is not closed" in out
    assert "model       molecules/druglike" in out
    assert "policy    False   too short" in out
    assert main(["samples", "show", "5f/0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["checkpoint"] == "ab" * 32


def test_a_sample_that_is_not_there_is_a_wrong_call(store: MemoryStore, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["samples", "show", "LAST/77"]) == 2
    assert "there is no sample named 'LAST/77'" in capsys.readouterr().err


def test_samples_are_written_to_a_file(store: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.jsonl"
    assert main(["samples", "export", str(path), "--run", "5f", "--valid"]) == 0
    assert capsys.readouterr() == ("", f"2 samples written to {path}.\n")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["id"], row["checkpoint"]) for row in rows] == [(f"{'5f' * 16}/{i}", "ab" * 32) for i in (0, 2)]


def test_what_was_written_is_told_as_json(
    store: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    assert main(["samples", "export", str(path), "--valid", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"file": str(path), "samples": 2, "has_origins": True}
    assert err == f"2 samples written to {path}.\n"
    assert main(["samples", "export", "-", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "--json tells of the file that was written; got -, which prints the samples themselves." in err


def test_an_export_replaces_a_file_only_by_force(
    store: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("mine")
    assert main(["samples", "export", str(path)]) == 1
    assert "a.csv exists already. Choose another name, or have it replaced: --force" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main(["samples", "export", str(path), "--force", "--limit", "1"]) == 0
    assert path.read_text().startswith("id,item,flaw,canonical,identity,run,")
    assert "/0,CCO,,CCO,KEY-00000," in path.read_text()


@pytest.mark.parametrize(
    ("options", "begin", "lines"), [([], '{"id": "5f5f', 2), (["--format", "csv"], "id,item,flaw", 3)]
)
def test_samples_are_written_to_standard_output(
    store: MemoryStore, options: list[str], begin: str, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["samples", "export", "-", "--text", "C", *options]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(begin)
    assert (len(out.splitlines()), err) == (lines, "2 samples written.\n")


def test_a_format_of_the_domain_goes_to_standard_output_too(
    store: MemoryStore, toys: Registry, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("genwright.exports.registry", lambda: toys)
    run = make_run(domain="rounds")
    store.put_run(run)
    store.put_samples([make_record(run, index, payload=b"abcd", media_type="text/plain") for index in range(2)])
    assert main(["samples", "export", "-", "--domain", "rounds", "--format", ".txt"]) == 0
    assert capsys.readouterr() == (
        "abcd\nabcd\n",
        "2 samples written. They come without their origins; .csv and .jsonl tell them.\n",
    )


def test_nothing_to_export_fails_and_leaves_no_file(
    store: MemoryStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["samples", "export", str(tmp_path / "a.csv"), "--text", "N"]) == 1
    assert capsys.readouterr() == ("", "No sample was found.\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.csv", "--format", ".smi"], "the format of a file is what its name ends in; got a.csv and '.smi'. Leave"),
        *(
            (
                ["-", "--format", format],
                f"a format is letters and digits, with .gz or .xz behind them or not; got {format!r}. Write what",
            )
            for format in ("../x", "tar.csv", "csv.bz2", "", ".", "a/b", "csv.gz.xz")
        ),
        (["a.csv", "--limit", "0"], "0 is not in the range 1<=x<="),
        (["a.csv", "--run", "77"], "there is no run named '77'"),
    ],
)
def test_an_export_that_makes_no_sense_is_a_wrong_call(
    store: MemoryStore, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["samples", "export", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", ["all.jsonl", "all.jsonl.gz", "all.parquet"])
def test_what_was_exported_is_imported_into_another_store(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    path = str(tmp_path / name)
    assert main(["samples", "export", path]) == 0
    other = open_store("memory:")
    monkeypatch.setattr("genwright.cli.store.open_store", lambda where: other)
    capsys.readouterr()
    assert main(["samples", "import", path]) == 0
    assert capsys.readouterr() == ("", "3 samples imported, 0 were there already; runs: 1.\n")
    assert list(other.samples()) == list(store.samples())
    assert main(["samples", "import", path, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"new": 0, "known": 3, "runs": 1}


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b'{"id": 7}\n', 1, "a.jsonl, line 1: a sample has an item and a media_type"),
        (None, 2, "File '/dev/null/a.jsonl' does not exist"),
    ],
)
def test_a_file_that_cannot_be_imported_is_told(
    store: MemoryStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes | None,
    code: int,
    message: str,
) -> None:
    path = Path("/dev/null") if content is None else tmp_path
    if content is not None:
        (path / "a.jsonl").write_bytes(content)
    assert main(["samples", "import", str(path / "a.jsonl")]) == code
    assert message in capsys.readouterr().err


def test_a_format_that_is_named_goes_to_a_file_of_any_name_and_to_standard_output(
    store: MemoryStore, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["samples", "export", str(tmp_path / "a.data"), "--format", "parquet"]) == 0
    assert main(["samples", "export", "-", "--format", "parquet"]) == 0
    for content in ((tmp_path / "a.data").read_bytes(), capsysbinary.readouterr().out):
        assert content[:4] == content[-4:] == b"PAR1"


def folder(samples: Iterator[Origin], path: Path, *, store: Store, depth: int = 1) -> None:
    """Write a format that is a folder."""
    path.mkdir()
    (path / str(depth)).write_text("".join(record.id for record, _ in samples))


def test_a_format_takes_options_and_a_folder_does_not_go_to_standard_output(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "formats", types.ModuleType("formats"))
    monkeypatch.setattr("formats.folder", folder, raising=False)
    known = toy_registry(ExporterSpec(name="boxes", target="formats:folder", summary=""))
    for module in ("cli.samples", "exports"):
        monkeypatch.setattr(f"genwright.{module}.registry", lambda: known)
    assert main(["samples", "export", str(tmp_path / "a"), "--format", "boxes", "-o", "depth=7"]) == 0
    assert (tmp_path / "a" / "7").read_text() == "".join(record.id for record in store.samples())
    capsys.readouterr()
    for arguments, message in (
        (["-", "--format", "boxes"], "samples in the format 'boxes' are a folder; got -. Name a folder."),
        (
            ["a", "--format", "boxes", "-o", "depth=x"],
            "option 'depth' of exporter 'boxes' takes a whole number; got 'x'",
        ),
        (["a.csv", "-o", "depth=7"], "exporter 'csv' has no option 'depth'. It takes none."),
        (["a.smi", "-o", "depth=7"], "a file like a.smi is in a format of its domain, which takes no options."),
    ):
        assert main(["samples", "export", *arguments]) == 2
        assert message in capsys.readouterr().err
