"""What others keep of a record: simonw/llm's log and MLflow, each with its own defaults, in SQLite.

    PEERS/bin/python benchmarks/peers/record_loggers.py FOLDER

It needs nothing of ours, and runs in an environment of its own. A line of input names a call and how many records to
log, as JSON: ["llm log_to_db", 50]. A line of output answers with the seconds on the clock and of processor time, or
with what went wrong: {"clock": 1.2, "processor": 0.3}. The first line of output tells the versions that are installed.
Each answer is for a new file; what is logged is made before, and nothing is asked of a network.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import itertools
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["CALLS", "main"]

PACKAGES = ("llm", "mlflow", "mlflow-skinny")
_SMILES = "CC(=O)Nc1ccc(OCC(C)C(=O)N2CCC2)cc1{:09d}"

Log = Callable[[Path, int], Callable[[], object]]
"""Makes so many records ready in a folder, and returns what logs them."""


def llm_log(folder: Path, count: int) -> Callable[[], object]:
    llm, sqlite_utils = importlib.import_module("llm"), importlib.import_module("sqlite_utils")

    class Generator(llm.Model):  # type: ignore[misc, name-defined]
        model_id, can_stream = "generator", False

        def execute(self, prompt: Any, stream: bool, response: Any, conversation: Any = None) -> Iterator[str]:
            yield _SMILES.format(int(prompt.prompt))

    database = sqlite_utils.Database(str(folder / "logs.db"))
    importlib.import_module("llm.migrations").migrate(database)
    responses = [Generator().prompt(str(index)) for index in range(count)]
    for response in responses:
        response.text()
    return lambda: [response.log_to_db(database) for response in responses]


def mlflow_metric(folder: Path, count: int) -> Callable[[], object]:
    mlflow = _mlflow(folder)
    return lambda: [mlflow.log_metric("valid", 1.0, step=step) for step in range(count)]


def mlflow_params(folder: Path, count: int) -> Callable[[], object]:
    mlflow = _mlflow(folder)
    made = [{f"smiles {index}": _SMILES.format(index), f"seed {index}": 7} for index in range(count)]
    return lambda: [mlflow.log_params(params) for params in made]


def mlflow_dict(folder: Path, count: int) -> Callable[[], object]:
    mlflow = _mlflow(folder)
    made = [{"smiles": _SMILES.format(index), "index": index, "seed": 7} for index in range(count)]
    return lambda: [mlflow.log_dict(record, f"samples/{record['index']}.json") for record in made]


def mlflow_trace(folder: Path, count: int) -> Callable[[], object]:
    mlflow = _mlflow(folder)

    def draw(index: int) -> None:
        with mlflow.start_span(name="draw") as span:
            span.set_inputs({"index": index, "seed": 7})
            span.set_outputs(_SMILES.format(index))

    def trace() -> None:
        for index in range(count):
            draw(index)

    return trace


def mlflow_batch(folder: Path, count: int) -> Callable[[], object]:
    mlflow = _mlflow(folder)
    entities, client = importlib.import_module("mlflow.entities"), mlflow.MlflowClient()
    now, run = time.time_ns() // 1_000_000, mlflow.active_run().info.run_id
    made = [entities.Metric("valid", 1.0, now, step) for step in range(count)]
    batches = [made[start : start + 1000] for start in range(0, count, 1000)]
    return lambda: [client.log_batch(run, metrics=batch) for batch in batches]


CALLS: dict[str, Log] = {
    "llm log_to_db": llm_log,
    "MLflow log_metric": mlflow_metric,
    "MLflow log_params": mlflow_params,
    "MLflow log_dict": mlflow_dict,
    "MLflow trace": mlflow_trace,
    "MLflow log_batch": mlflow_batch,
}


def main(folder: Path, asked: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield the versions, then an answer to each line that is asked."""
    os.environ.update(LLM_USER_PATH=str(folder), MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true")
    # Traces are kept when the call returns, as all else is here: waiting for its own thread to do so takes a second.
    os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"
    yield _versions()
    for place, line in enumerate(asked):
        call, count = json.loads(line)
        own = folder / f"answer-{place}"
        own.mkdir()
        try:
            yield _spent(CALLS[call](own, count))
        except Exception as error:
            yield {"trouble": f"{type(error).__name__}: {error}"}
        if "mlflow" in sys.modules:
            sys.modules["mlflow"].end_run()
        shutil.rmtree(own)


def _spent(work: Callable[[], object]) -> dict[str, float]:
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return {"clock": time.perf_counter() - clock, "processor": time.process_time() - processor}


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _mlflow(folder: Path) -> Any:
    """Return MLflow in a new run, in a new copy of a file that is made once: making one takes it seconds."""
    mlflow = importlib.import_module("mlflow")
    empty = folder.parent / "empty.db"
    if not empty.exists():
        mlflow.set_tracking_uri(f"sqlite:///{empty}")
        mlflow.search_experiments()
    shutil.copy(empty, folder / "mlflow.db")
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    experiment = mlflow.create_experiment(uuid.uuid4().hex, artifact_location=(folder / "files").as_uri())
    mlflow.set_experiment(experiment_id=experiment)
    mlflow.start_run()
    # The first call of each kind imports and connects.
    mlflow.log_metric("first", 0.0)
    return mlflow


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        for answer in main(Path(sys.argv[1]), itertools.chain(sys.stdin)):
            print(json.dumps(answer), file=sys.__stdout__, flush=True)
