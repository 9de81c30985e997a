"""The straight lines through the command line, each command a process of its own: train, generate, evaluate, audit."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

RECIPE = Path(__file__).parents[2] / "examples" / "new_domain" / "recipe.toml"
N, SEED, AT_ONCE = 60, 7, 8

# A metric, and a way to be killed in the middle of a run: right after a batch was recorded.
PLUGIN = f"""
import os, signal
from genwright.hooks import hookimpl
from genwright.metrics import Value
from genwright.specs import MetricSpec

@hookimpl
def register_metrics():
    yield MetricSpec(name="strokes", target="genwright_extra_plugin:strokes", summary="mean number", domain="rhythms")

def strokes(samples, reference):
    return Value(value=sum(item.count("x") for item in samples) / len(samples), count=len(samples))

@hookimpl
def on_samples(run, samples):
    if "KILL" in os.environ and samples[0].index >= {AT_ONCE * 2}:
        os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass(frozen=True)
class Machine:
    """A place with the plugins installed and nothing else; commands run there as a user runs them."""

    environment: Mapping[str, str]

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "genwright", *arguments]
        return subprocess.run(
            command, env={**self.environment, **more}, capture_output=True, text=True, timeout=300, check=False
        )

    def rows(self, *arguments: str) -> list[Any]:
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def items(self, run: str) -> dict[int, str]:
        """Return what the store holds of a run, by index."""
        return {row["index"]: row["item"] for row in self.rows("samples", "list", "--run", run, "--limit", "0")}


@pytest.fixture(scope="module")
def machine(rhythms_site: Path, lay_out: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A machine on which a model was trained."""
    folder = tmp_path_factory.mktemp("machine")
    extra = folder / "extra"
    extra.mkdir()
    lay_out(extra, "extra", PLUGIN, version="1.0", group="genwright.v1", requires=(), dist="genwright-extra")
    places = {"GENWRIGHT_HOME": str(folder / "home"), "GENWRIGHT_CACHE": str(folder / "cache")}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GENWRIGHT_")}
    path = os.pathsep.join([str(rhythms_site), str(extra), *filter(None, sys.path)])
    machine = Machine({**kept, **places, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"})
    options = [text for option in ("steps=20", "batch_size=16", "warmup=5", "average=0.5") for text in ("-o", option)]
    done = machine.run("train", "--recipe", str(RECIPE), "--name", "rhythms/line", "--device", "cpu", *options)
    assert done.returncode == 0, done.stderr
    return machine


@pytest.fixture(scope="module")
def drawn(machine: Machine) -> list[Any]:
    """What was drawn at once, and not interrupted."""
    return machine.rows("generate", "rhythms/line", "-n", str(N), "--seed", str(SEED))


def test_the_samples_are_found_measured_verified_and_drawn_again(machine: Machine, drawn: list[Any]) -> None:
    run = drawn[0]["id"].partition("/")[0]
    listed = machine.rows("samples", "list", "--run", run, "--limit", "5")
    assert [row["item"] for row in listed] == [row["item"] for row in drawn[:5]]

    done = machine.run("evaluate", run, "--reference", "rhythms", "--json")
    mean = sum(row["item"].count("x") for row in drawn) / N
    assert json.loads(done.stdout)["metrics"]["strokes"] == {"value": pytest.approx(mean), "error": None, "count": N}
    [score] = json.loads(machine.run("runs", "show", run, "--json").stdout)["scores"]
    assert (score["metric"], score["value"]) == ("strokes", pytest.approx(mean))

    assert machine.run("audit", "verify").returncode == 0
    done = machine.run("audit", "replay", "--all", "--run", run)
    assert (done.stdout, done.returncode) == (f"{N} of {N} identical\n", 0)


def test_the_chain_of_a_sample_is_told_where_neither_model_nor_plugin_is(
    machine: Machine, drawn: list[Any], tmp_path: Path
) -> None:
    id, url = drawn[3]["id"], json.loads(machine.run("store", "info", "--json").stdout)["url"].partition("?")[0]
    bare = {"GENWRIGHT_PLUGINS": "storage", "GENWRIGHT_HOME": str(tmp_path), "GENWRIGHT_STORE": url}
    assert machine.run("audit", "replay", id).returncode == 0
    done = machine.run("audit", "replay", id, drawn[4]["id"], **bare)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "2 of 2 not repeatable")

    done = machine.run("audit", "show", id, "--json", **bare)
    assert done.returncode == 0, done.stderr
    chain = json.loads(done.stdout)
    model = chain["model"]
    assert (chain["sample"]["item"], model["name"], model["data"]["name"]) == (
        drawn[3]["item"],
        "rhythms/line",
        "rhythms",
    )
    assert (model["training"]["kind"], model["training"]["state"]) == ("train", "finished")
    assert [replay["outcome"] for replay in chain["replays"]][:2] == ["not repeatable", "identical"]
    assert "genwright-rhythms was 0.3.1, is absent" in chain["replays"][0]["drift"]

    question = """
        SELECT run.uid || '/' || sample.idx FROM checkpoint
        JOIN run ON run.checkpoint = checkpoint.digest JOIN sample ON sample.run_id = run.id
        WHERE json_extract(checkpoint.card, '$.recipe.data_sha256') = ?
    """
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        found = {sample for (sample,) in connection.execute(question, [model["data"]["sha256"]])}
    assert {row["id"] for row in drawn} <= found


def test_another_batch_size_and_a_reader_that_leaves_early_change_nothing(machine: Machine, drawn: list[Any]) -> None:
    command = [sys.executable, "-m", "genwright", "generate", "rhythms/line", "-n", str(N), "--seed", str(SEED)]
    process = subprocess.Popen(
        [*command, "--batch-size", str(N), "--json"], env=machine.environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    process.stdout.close()
    assert process.wait(timeout=300) == 0
    run = first["id"].partition("/")[0]
    assert machine.items(run) == {row["index"]: row["item"] for row in drawn}
    assert json.loads(machine.run("runs", "show", run, "--json").stdout)["state"] == "finished"


def test_a_run_that_was_killed_goes_on_to_the_same_samples(machine: Machine, drawn: list[Any]) -> None:
    arguments = ["generate", "rhythms/line", "-n", str(N), "--seed", str(SEED), "--batch-size", str(AT_ONCE)]
    assert machine.run(*arguments, KILL="yes").returncode == -signal.SIGKILL
    [run] = machine.rows("runs", "list", "--limit", "1")
    whole = {row["index"]: row["item"] for row in drawn}
    assert machine.items(run["id"]) == {index: whole[index] for index in range(3 * AT_ONCE)}
    assert machine.run("audit", "verify").returncode == 0

    done = machine.run("runs", "resume", run["id"])
    assert f"Drew the {N - 3 * AT_ONCE} samples that were missing of {N}" in done.stderr
    assert machine.items(run["id"]) == whole
    assert json.loads(machine.run("runs", "show", run["id"], "--json").stdout)["state"] == "finished"
    assert machine.run("audit", "verify").returncode == 0
