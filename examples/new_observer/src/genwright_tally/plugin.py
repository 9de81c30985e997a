"""Counts the flaws of each run's samples, and appends a line a run to flaws.log. Once installed, it sees every run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genwright.hooks import hookimpl
from genwright.run import Run
from genwright.samples import Sample

_LOG = Path("flaws.log")
_flaws: dict[str, Counter[str]] = {}


@hookimpl
def on_run_started(run: Run) -> None:
    """Begin a count."""
    _flaws[run.id] = Counter()


@hookimpl
def on_samples(run: Run, samples: Sequence[Sample[Any]]) -> None:
    """Count a batch."""
    _flaws[run.id].update(sample.flaw for sample in samples if sample.flaw is not None)


@hookimpl
def on_run_finished(run: Run, error: BaseException | None) -> None:
    """Write the count. What is raised here stops no run: it is noted in the run's record."""
    outcome = "finished" if error is None else type(error).__name__
    counts = "; ".join(f"{count} x {flaw}" for flaw, count in _flaws.pop(run.id).most_common(5)) or "no flaws"
    with _LOG.open("a", encoding="utf-8") as file:
        file.write(f"{run.kind} {run.id} {outcome}: {counts}\n")
