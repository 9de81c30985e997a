"""A sound follows a contour: learned from clips, asked for, recorded, looked for, drawn again."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from numpy import ndarray

import genwright as gw
import genwright_audio.writers
from genwright.cli import main
from genwright.model import Model
from genwright.query import Query
from genwright.samples import Samples
from genwright.store import open_store
from genwright_audio.clip import Clip, stepped
from genwright_audio.loudness import loudness

RATE = 1_000
RISING, FALLING = np.linspace(-40, -8, 10), np.linspace(-8, -40, 10)


def noise(count: int) -> list[Clip]:
    """Clips of noise of up to 0.2 seconds, whose loudness wanders, or rises or falls evenly."""
    draws = np.random.default_rng(0)
    made = []
    for number in range(count):
        values = draws.uniform(-40, -6, size=draws.integers(5, 11))
        if number % 2:
            values = np.linspace(values[0], values[-1], len(values))
        gain = np.repeat(10 ** (values / 20), RATE // 50)
        made.append(Clip(wave=stepped((gain * draws.normal(size=len(gain))).clip(-1, 1)), rate=RATE))
    return made


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model[Clip]:
    """Trained in three seconds."""
    folder = tmp_path_factory.mktemp("contours")
    genwright_audio.writers.write(noise(200), folder / "noise.zip")
    recipe = gw.Recipe(
        domain="audio",
        data=str(folder / "noise.zip"),
        encoder=gw.use("mu-law"),
        family=gw.use("autoregressive"),
        backbone=gw.use("wavenet", width=32, skip=32, depth=3, cycle=3),
        conditions=("loudness",),
        steps=150,
        batch_size=8,
        learning_rate=0.01,
        warmup=5,
        average=0.9,
        held_out=0.0,
        drop=0.1,
        precision="float32",
    )
    return gw.train(recipe, folder=folder / "model", store=False, device="cpu")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'store.sqlite'}"


def apart(samples: Samples[Clip], wanted: ndarray) -> float:
    """Return how far the loudness of samples is from a contour, on average over both, in dB."""
    found = [loudness(clip) for clip in samples.items]
    return float(np.mean(np.concatenate([np.abs(one - wanted[: len(one)]) for one in found if one is not None])))


@pytest.mark.parametrize("wanted", [RISING, FALLING], ids=["rising", "falling"])
def test_drawn_sounds_are_as_loud_as_they_are_to_be_at_each_moment(model: Model[Clip], wanted: ndarray) -> None:
    """Of 20 samples of noise, the level alone is 1.1 dB beside that of their source, on average."""
    drawn = gw.generate(model, 16, seed=1, where={"loudness": wanted}, store=False, rows=16)
    assert apart(drawn, wanted) < 2.0
    assert apart(drawn, wanted[::-1]) > 10.0
    unasked = gw.generate(model, 16, seed=1, store=False, rows=16)
    assert apart(unasked, wanted) > 5.0


def test_a_run_is_drawn_again_bit_for_bit_from_what_the_store_has_of_it(model: Model[Clip], url: str) -> None:
    drawn = gw.generate(model, 20, seed=7, where={"loudness": RISING}, store=url, rows=16)
    with closing(open_store(url)) as store:
        run = store.run(drawn.run.id)
        assert run.config["where"] == {"loudness": RISING.tolist()}
        payloads = {store.sample(sample.id).payload for sample in drawn}
        assert len(payloads) == 20
    assert [verdict.outcome for verdict in gw.replay(store=url)] == ["identical"] * 20


def test_what_was_stopped_goes_on_with_the_same_contour(model: Model[Clip], url: str) -> None:
    whole = gw.generate(model, 20, seed=7, where={"loudness": FALLING}, store=False, rows=16)
    stopped = gw.stream(model, 20, seed=7, where={"loudness": FALLING}, store=url, rows=16, batch_size=8)
    begun = next(stopped).items
    stopped.close()
    rest = [clip for batch in gw.resume(store=url) for clip in batch.items]
    assert [*begun, *rest] == whole.items


def test_a_stream_follows_it_too_and_is_drawn_again(model: Model[Clip], url: str) -> None:
    stages = list(gw.stages(model, 2, seed=7, where={"loudness": FALLING}, store=url))
    ends = [stage.sample.item for stage in stages if stage.sample is not None]
    levels = [loudness(clip) for clip in ends]
    assert all(one is not None and np.abs(one - FALLING[: len(one)]).mean() < 2.5 for one in levels)
    assert [verdict.outcome for verdict in gw.replay(store=url)] == ["identical"] * 2


def test_workers_draw_what_one_draws(model: Model[Clip]) -> None:
    alone, shared = (
        gw.generate(
            model, 20, seed=7, where={"loudness": RISING}, store=False, rows=16, engine=gw.use("local", workers=count)
        )
        for count in (1, 2)
    )
    assert shared.items == alone.items


def test_searches_go_on_beside_runs_with_contours(model: Model[Clip], url: str) -> None:
    """By numbers and words; a contour is neither."""
    gw.generate(model, 4, seed=7, where={"loudness": RISING}, store=url, rows=16)
    with closing(open_store(url)) as store:
        for _ in range(2):
            assert len(list(store.search(Query(domain="audio")))) == 4
            for asked in ((-80.0, 0.0), -40.0, "-40"):
                assert list(store.search(Query(where={"loudness": asked}))) == []


def generated(model: Model[Clip], asked: str) -> int:
    """Have the command draw two samples, and print them; return its exit code."""
    assert model.checkpoint is not None
    command = ["generate", str(model.checkpoint.folder), "-n", "2", "--seed", "7", "--rows", "16", "--no-store"]
    return main([*command, "--json", "--where", asked])


def test_the_command_line_takes_numbers_or_a_file_of_them(
    model: Model[Clip], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rising.csv").write_text("\n".join(map(str, RISING.tolist())))
    found = []
    for asked in (",".join(map(str, RISING.tolist())), f"@{tmp_path / 'rising.csv'}"):
        assert generated(model, f"loudness={asked}") == 0
        found.append([json.loads(line)["canonical"] for line in capsys.readouterr().out.splitlines()])
    assert found[0] == found[1]
    assert len(found[0]) == 2


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("loudness=loud", "condition 'loudness[0]' takes a number; got 'loud'."),
        ("loudness=-20,nan", "condition 'loudness[1]' takes -80 to 0 dB; got nan."),
        ("loudness=3", "condition 'loudness[0]' takes -80 to 0 dB; got 3.0."),
        ("loudness=" + "-9," * 11, "condition 'loudness' takes up to 10 numbers of this model"),
        ("loudness=" + "-9," * 1_501, "condition 'loudness' takes at most 1,500 numbers; got 1,501."),
        ("loudness=@nowhere.csv", "numbers are read from a text file; 'nowhere.csv' cannot be:"),
        ("loudnes=-9", "no condition of audio named 'loudnes'"),
        ("pitch=-9", "no condition of audio named 'pitch'"),
    ],
)
def test_what_cannot_be_asked_for_is_told(
    model: Model[Clip], asked: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generated(model, asked) == 2
    assert message in capsys.readouterr().err
