"""Measuring samples, beside a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from genwright import library
from genwright.datasets import locate, reader, still_there
from genwright.domain import Domain
from genwright.errors import CheckpointError, DataError, UsageError
from genwright.metrics import Report, Value
from genwright.options import make
from genwright.recording import Recording, environment
from genwright.registry import Registry
from genwright.run import Run, new_run_id
from genwright.samples import Samples
from genwright.seeds import permutation
from genwright.specs import MetricSpec
from genwright.store import Score, Store

__all__ = ["measured"]


def measured(
    samples: Samples[Any] | Sequence[Any] | str | Path,
    registry: Registry,
    *,
    domain: str | None,
    reference: str | Path | Sequence[Any] | None,
    metrics: Sequence[str] | None,
    baseline: bool,
    strict: bool,
    store: str | Store | Literal[False] | None,
) -> Report:
    """Return the report that `genwright.evaluate` describes."""
    kind = samples.domain if isinstance(samples, Samples) else _domain(domain, registry)
    items = samples.items if isinstance(samples, Samples) else _items(samples, kind, strict=strict)
    if not items:
        raise UsageError("metrics are computed from samples; there are none. Draw some first.")
    specs = _chosen(metrics, kind.name, registry)
    known = None if reference is None else _items(reference, kind, strict=strict)
    target, name = None if known is None else kind.reference(known), "" if reference is None else _name(reference)
    asking = [spec.name for spec in specs if spec.against == "training"]
    training = _Training.of(samples, registry) if asking else _Training()
    trained = training.reference(kind)
    values = _values(specs, kind.gather(items), target, trained)
    report = Report(
        title=f"{len(items):,} samples",
        values=values,
        reference=name,
        remarks={metric: training.remark(name) for metric in asking if metric in values},
        baseline=_baseline(specs, kind, known, len(items), trained) if known and baseline else {},
    )
    if isinstance(samples, Samples) and store is not False:
        _record(report, samples, registry, samples.store if store is None else store)
    return report


@dataclass(frozen=True, kw_only=True)
class _Training:
    """What the model of some samples was trained on: what its recipe calls it, and where it is on this machine.

    name: "" where nothing says what the model is
    path: None where it is not on this machine, or is no longer what it was
    """

    name: str = ""
    path: Path | None = None

    @classmethod
    def of(cls, samples: object, registry: Registry) -> _Training:
        """Return what the card of the samples' model says of its data; of items alone, nothing is known."""
        if not isinstance(samples, Samples) or not samples.run.checkpoint:
            return cls()
        run = samples.run
        try:
            card = library.find_digest(run.checkpoint, registry, folder=run.config.get("folder", "")).card
        except CheckpointError:
            return cls()
        name, sha256 = card["recipe"]["data"], card["recipe"].get("data_sha256", "")
        return cls(name=name, path=still_there(name, sha256))

    def reference(self, domain: Domain[Any]) -> Any | None:
        """Return what the domain's metrics take as a reference, or None where the data are not at hand."""
        if self.path is None:
            return None
        return domain.reference(list(reader(self.name, domain)(self.path)))

    def remark(self, reference: str) -> str:
        """Return in a sentence what was compared with."""
        if self.path is not None:
            return f"compared with {self.name}, which the model was trained on."
        why = f"{self.name}, which the model was trained on, is not here" if self.name else "nothing tells the model"
        return f"compared with the reference, {reference}, since {why}."


def _baseline(
    specs: Sequence[MetricSpec], domain: Domain[Any], known: Sequence[Any], most: int, trained: Any
) -> Mapping[str, Value]:
    """Return the values of up to `most` items of one half of a reference, measured beside the other half.

    Metrics that compare the samples with `trained` are left out: the reference has nothing to do with that.
    """
    # Halves, whatever is measured, so that what is computed of the other one is kept for the next time.
    order, half = permutation(0, 0, len(known)).tolist(), len(known) // 2
    some, others = [known[place] for place in order[:half][:most]], [known[place] for place in order[half:]]
    kept = [spec for spec in specs if trained is None or spec.against == "reference"]
    return _values(kept, domain.gather(some), domain.reference(others), None) if some else {}


def _values(specs: Sequence[MetricSpec], samples: Any, reference: Any, trained: Any) -> Mapping[str, Value]:
    targets = {"reference": reference, "training": reference if trained is None else trained}
    found = {spec.name: spec.load()(samples, targets[spec.against]) for spec in specs}
    return {_row(name, value): value for name, value in found.items() if value is not None}


def _row(metric: str, value: Value) -> str:
    return f"{metric} ({value.by})" if value.by else metric


def _chosen(names: Sequence[str] | None, domain: str, registry: Registry) -> list[MetricSpec]:
    fitting = registry.of_domain("metric", domain)
    for name in names or ():
        registry.check_domain("metric", name, domain)
    chosen = [name for name, spec in fitting.items() if not spec.named] if names is None else names
    return [fitting[name] for name in chosen]


def _domain(name: str | None, registry: Registry) -> Domain[Any]:
    if name is None:
        raise UsageError("items alone do not say what they are. Give domain=, or samples that were generated.")
    return make(registry.get("domain", name), {})  # type: ignore[no-any-return]


def _items(source: str | Path | Sequence[Any], domain: Domain[Any], *, strict: bool) -> list[Any]:
    if not isinstance(source, str | Path):
        return list(source)
    items = list(reader(source, domain)(locate(source), strict=strict))
    if not items:
        raise DataError(f"what is measured holds items of {domain.name}; {source} holds none. Give another file.")
    return items


def _name(reference: str | Path | Sequence[Any]) -> str:
    return str(reference) if isinstance(reference, str | Path) else f"{len(reference):,} items"


def _record(report: Report, samples: Samples[Any], registry: Registry, where: str | Store | None) -> None:
    """Record the values with the run that drew the samples, and that they were measured as a run of its own."""
    if where is None:
        return
    run = Run(
        id=new_run_id(),
        kind="evaluate",
        domain=samples.run.domain,
        environment=environment(registry, "cpu", torch.get_num_threads()),
        model=samples.run.model,
        checkpoint=samples.run.checkpoint,
        config={"reference": report.reference, "metrics": list(report.values)},
        parent=samples.run.id,
    )
    against = f"reference {report.reference}" if report.reference else ""
    scores = [
        Score(metric=metric, value=value.value, error=value.error, detail=report.remarks.get(metric, against))
        for metric, value in report.values.items()
    ]
    with Recording.of(where, registry) as recording, recording.running(run):
        assert recording.store is not None
        recording.store.put_scores(samples.run.id, scores)
