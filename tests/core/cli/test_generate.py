from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright.cli import main
from genwright.cli.generate import Tally
from genwright.errors import StorageFull
from genwright.registry import Registry, registry

Capture = pytest.CaptureFixture[str]
Generate = Callable[..., int]
SEED = "5"


@pytest.fixture
def generate(rhythms: Path, rhythms_model: Path, home: Path) -> Generate:
    """Call `genwright generate` with a small model."""
    return lambda *arguments: main(["generate", str(rhythms_model), "--seed", SEED, *map(str, arguments)])


def test_valid_items_are_printed_and_all_that_was_drawn_is_recorded(generate: Generate, capsys: Capture) -> None:
    assert generate("-n", 40) == 0
    out, err = capsys.readouterr()
    with closing(gw.open_store()) as store:
        run = next(iter(store.runs()))
        records = list(store.samples(run=run.id))
    valid = [record.payload.decode() for record in records if record.flaw is None]
    assert len(records) == 40 > len(valid)
    assert out.splitlines() == valid
    assert (run.state, run.planned) == ("finished", 40)
    assert f"40 samples, {len(valid)} valid, run {run.id} in sqlite:///" in err
    assert f"See them: genwright samples list --run {run.id}\n" in err


def test_json_is_one_object_a_line_for_each_sample_flawed_ones_too(generate: Generate, capsys: Capture) -> None:
    assert generate("-n", 40, "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["index"] for row in rows] == list(range(40))
    assert set(rows[0]) == {"id", "index", "seed", "item", "flaw", "canonical", "identity"}
    assert {row["seed"] for row in rows} == {int(SEED)}
    flawed = [row for row in rows if row["flaw"]]
    assert flawed
    assert all(row["canonical"] is None for row in flawed)


def test_the_samples_are_the_same_with_another_batch_size(generate: Generate, capsys: Capture) -> None:
    assert generate("-n", 40, "--json", "--no-store") == 0
    drawn = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert generate("-n", 40, "--no-store", "--batch-size", 7) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [row["item"] for row in drawn if row["flaw"] is None]
    assert err.endswith(f" valid, seed {SEED}, not recorded.\n")


def test_a_file_holds_the_items_and_stdout_none(generate: Generate, capsys: Capture, tmp_path: Path) -> None:
    assert generate("-n", 40, "--output", tmp_path / "new.txt", "--grid", tmp_path / "new.svg") == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert f"40 samples, {len((tmp_path / 'new.txt').read_text().splitlines())} valid" in err
    assert (tmp_path / "new.svg").read_text().startswith("<svg")


@pytest.mark.parametrize("recorded", [True, False])
def test_a_file_tells_where_recorded_samples_come_from(
    generate: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recorded: bool
) -> None:
    """PNG files of `samples export` were once signed, and those of `--output` not."""
    ids: list[str] = []
    target = "genwright_rhythms.domain.RhythmsDomain.export"
    monkeypatch.setattr(target, lambda domain, samples, path: ids.extend(known["id"] for _, known in samples))
    assert generate("-n", 20, "--output", tmp_path / "new.txt", *([] if recorded else ["--no-store"])) == 0
    if not recorded:
        assert ids == []
        return
    with closing(gw.open_store()) as store:
        run = next(iter(store.runs()))
        assert ids == [record.id for record in store.samples(run=run.id) if record.flaw is None]


def test_a_grid_shows_the_first_hundred(
    generate: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    drawn: list[int] = []
    render = "genwright_rhythms.domain.RhythmsDomain.render"
    monkeypatch.setattr(render, lambda domain, items, path: drawn.append(len(items)))
    monkeypatch.setattr("genwright_rhythms.domain.RhythmsDomain.check", lambda domain, item: None)
    for count in (64, 120):
        assert generate("-n", count, "--no-store", "--grid", tmp_path / "new.svg") == 0
    assert drawn == [64, 100]


def test_conditions_and_options_are_read_as_the_model_and_sampler_take_them(generate: Generate, home: Path) -> None:
    options = ["-o", "scale=2", "-o", "inner=top-k", "-o", "inner.k=3", "--where", "strokes=4", "--where", "prefix=x."]
    assert generate("-n", 4, "--sampler", "guided", *options) == 0
    with closing(gw.open_store()) as store:
        config = next(iter(store.runs())).config
    assert config["where"] == {"strokes": 4.0, "prefix": "x."}
    assert config["sampler"] == {"name": "guided", "scale": 2.0, "inner": {"name": "top-k", "k": 3}}


@pytest.mark.parametrize(
    ("options", "scale", "inner"),
    [
        (["scale=3"], 3.0, {"name": "top-k", "k": 3}),
        (["inner.k=2"], 2.0, {"name": "top-k", "k": 2}),
        (["inner.temperature=0.8"], 2.0, {"name": "top-k", "k": 3, "temperature": 0.8}),
        (["inner=top-k", "inner.temperature=0.8"], 2.0, {"name": "top-k", "k": 3, "temperature": 0.8}),
        (["inner=top-p", "inner.p=0.5"], 2.0, {"name": "top-p", "p": 0.5}),
    ],
)
@pytest.mark.parametrize("usual", [{"name": "top-k", "k": 3}, gw.use("top-k", k=3)])
def test_options_alone_change_those_of_the_sampler_that_the_recipe_names(
    usual: Any,
    options: list[str],
    scale: float,
    inner: dict[str, Any],
    generate: Generate,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was said of the sampler inside once put the plainest in the place of the recipe's."""
    monkeypatch.setattr("genwright.generation.suited", lambda model, registry: gw.use("guided", scale=2.0, inner=usual))
    assert generate("-n", 1, *(part for option in options for part in ("-o", option))) == 0
    with closing(gw.open_store()) as store:
        config = next(iter(store.runs())).config
    assert config["sampler"] == {"name": "guided", "scale": scale, "inner": inner}


def test_options_of_a_sampler_inside_are_those_of_the_family_where_none_is_named(
    generate: Generate, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = replace(registry().get("family", "autoregressive"), sampler="top-k")
    get = Registry.get
    monkeypatch.setattr(Registry, "get", lambda self, *what: spec if what[0] == "family" else get(self, *what))
    assert generate("-n", 1, "--sampler", "guided", "-o", "inner.k=3") == 0
    with closing(gw.open_store()) as store:
        config = next(iter(store.runs())).config
    assert config["sampler"] == {"name": "guided", "inner": {"name": "top-k", "k": 3}}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-n", "0"], "n is a whole number from 1 to 2^63 - 1; got 0"),
        (["-n", "-5"], "n is a whole number from 1 to 2^63 - 1; got -5"),
        (["-n", str(2**63)], "n is a whole number from 1 to 2^63 - 1; got 9223372036854775808."),
        (["-n", str(10**30)], f"n is a whole number from 1 to 2^63 - 1; got {10**30}."),
        (["-n", "1" * 5000], "is not a valid integer"),
        (["-n", "1e3"], "'1e3' is not a valid integer"),
        (
            ["--rows", str(10**30)],
            f"rows is 1, or a multiple of 16 from 16 to 65,536; got {10**30}. The default is 128.",
        ),
        (["--workers", str(10**30)], f"engine 'local' takes workers from 1 to 1,024; got {10**30}."),
        (["--batch-size", str(10**30)], f"batch_size is a whole number from 1 to 2^63 - 1; got {10**30}."),
        (["--sampler", "top-pp"], "there is no sampler named 'top-pp'. Did you mean 'top-p'"),
        (["-o", "temprature=2"], "sampler 'temperature' has no option 'temprature'. Did you mean 'temperature'?"),
        (["-o", "temperature=hot"], "option 'temperature' of sampler 'temperature' takes a number; got 'hot'"),
        (["-o", "temperature"], "it is written name=value, such as temperature=0.8; got 'temperature'."),
        (["--where", "strokes=4", "--where", "strokes=5"], "strokes is given once; got '4' and '5'. Leave one of"),
        (["-o", "temperature=2", "-o", "temperature=1"], "temperature is given once; got '2' and '1'."),
        (["--where", "stroke=4"], "there is no condition of rhythms named 'stroke'. Did you mean 'strokes'"),
        (["--where", "strokes=40"], "condition 'strokes' takes 1 to 16; got 40.0"),
        (["--where", "strokes=many"], "condition 'strokes' takes a number; got 'many'"),
        (["--where", "prefix=a\0b"], "condition 'prefix' takes plain text; got NUL"),
        (["--where", f"prefix={'x' * 1_000_000}"], "condition 'prefix' takes at most 16 characters; got 1,000,000"),
        (["--reviewer", "nobody"], "there is no reviewer named 'nobody'."),
        (["--store", "nowhere.sqlite"], "a store is named by a URL; got 'nowhere.sqlite'"),
    ],
)
def test_what_cannot_be_done_as_asked_exits_with_2(
    generate: Generate, capsys: Capture, arguments: list[str], message: str
) -> None:
    assert generate(*arguments) == 2
    assert message in capsys.readouterr().err


def test_an_unknown_model_is_met_with_near_ones(rhythms: Path, home: Path, capsys: Capture) -> None:
    assert main(["generate", "molecule"]) == 2
    assert "there is no model named 'molecule'. Did you mean 'molecules'" in capsys.readouterr().err
    assert main(["generate", "rhythms"]) == 2
    assert "The domain 'rhythms' has no model yet: train one" in capsys.readouterr().err


def test_a_picture_of_another_kind_is_refused(generate: Generate, capsys: Capture, tmp_path: Path) -> None:
    """It was once refused only after everything had been drawn."""
    assert generate("--grid", tmp_path / "new.png", "-n", 2) == 1
    assert "rhythms are drawn as .svg; got new.png" in capsys.readouterr().err
    with closing(gw.open_store()) as store:
        assert list(store.runs()) == []


@pytest.mark.parametrize("option", ["--output", "--grid"])
def test_a_file_that_cannot_be_made_is_refused_before_anything_is_drawn(
    generate: Generate, capsys: Capture, tmp_path: Path, option: str
) -> None:
    (tmp_path / "old.svg").touch()
    assert generate(option, tmp_path / "none" / "new.svg") == 1
    assert f"there is no folder {tmp_path / 'none'}. Make it first." in capsys.readouterr().err
    assert generate(option, tmp_path / "old.svg") == 1
    assert "old.svg exists already, and nothing is overwritten." in capsys.readouterr().err
    with closing(gw.open_store()) as store:
        assert list(store.runs()) == []


def test_a_model_that_gives_nothing_valid_fails(
    generate: Generate, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("genwright_rhythms.domain.RhythmsDomain.check", lambda self, item: "It is out of tune.")
    assert generate("-n", 3, "--no-store") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("3 samples, 0 valid")


def test_an_interrupt_says_how_to_go_on(generate: Generate, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    add = Tally.add

    def interrupted(tally: Tally, *batch: Any) -> None:
        add(tally, *batch)
        if tally.samples == 8:
            raise KeyboardInterrupt

    monkeypatch.setattr(Tally, "add", interrupted)
    assert generate("-n", 12, "--batch-size", 4) == 130
    with closing(gw.open_store()) as store:
        run = next(iter(store.runs()))
    assert run.state == "interrupted"
    err = capsys.readouterr().err
    assert f"8 of 12 samples are recorded. Go on with: genwright runs resume {run.id}\n" in err
    assert main(["runs", "resume"]) == 0
    assert f"Drew the 4 samples that were missing of 12, run {run.id}." in capsys.readouterr().err
    assert main(["runs", "resume", run.id]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert "has all of its 12 samples" in err
    assert main(["runs", "resume", run.id, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"run": run.id, "planned": 12, "drawn": 0}


def test_an_interrupt_before_anything_is_recorded_says_so(
    generate: Generate, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def interrupted(*_: Any, **__: Any) -> Iterator[Any]:
        yield from ()
        raise KeyboardInterrupt

    monkeypatch.setattr("genwright.api.stream", interrupted)
    assert generate("-n", 12) == 130
    assert "Stopped. Nothing that was drawn is recorded." in capsys.readouterr().err


@contextmanager
def nobody_reading() -> Iterator[None]:
    """Have stdout be a pipe that nobody reads from any more."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stdout, redirect_stdout(stdout):
        yield


def test_a_reader_that_has_enough_leaves_a_run_that_can_go_on(generate: Generate, capsys: Capture) -> None:
    """A pipe to `head` once ended a run early, with 0 and without a word."""
    with nobody_reading():
        assert generate("-n", 12, "--batch-size", 4, "--json") == 0
    with closing(gw.open_store()) as store:
        run = next(iter(store.runs()))
    assert run.state == "interrupted"
    assert f"4 of 12 samples are recorded. Go on with: genwright runs resume {run.id}\n" in capsys.readouterr().err


def test_a_reader_that_leaves_at_the_last_batch_leaves_a_finished_run(generate: Generate, capsys: Capture) -> None:
    with nobody_reading():
        assert generate("-n", 4, "--batch-size", 4, "--json") == 0
    with closing(gw.open_store()) as store:
        assert [run.state for run in store.runs()] == ["finished"]
    assert capsys.readouterr().err == ""


def test_a_full_disk_says_how_to_go_on(generate: Generate, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    from genwright_storage.store import SQLStore

    put = SQLStore.put_samples

    def full(store: SQLStore, records: Sequence[Any]) -> None:
        if records[0].index == 8:
            raise StorageFull("no space is left to write to it")
        put(store, records)

    monkeypatch.setattr(SQLStore, "put_samples", full)
    assert generate("-n", 12, "--batch-size", 4) == 1
    err = capsys.readouterr().err
    assert "8 of 12 samples are recorded. Go on with: genwright runs resume " in err
    assert "Error: no space is left" in err


def test_the_store_that_was_named_is_in_the_advice(generate: Generate, capsys: Capture, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.sqlite'}"
    assert generate("-n", 2, "--store", url) == 0
    assert capsys.readouterr().err.endswith(f" --store {url}\n")
