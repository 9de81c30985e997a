"""The straight lines: train, generate, evaluate, audit.

    train     Recipe → Registry → Domain.read → Encoder.encode → Trainer → Checkpoint → Store
    generate  Checkpoint → Model → Sampler → Encoder.decode → Domain.check → review → Store
    evaluate  Samples + reference → metrics → Report → Store
    audit     Sample → Store → Run → Checkpoint → Sampler → Verdict
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from genwright import library
from genwright.verdict import Verdict, replayed
from genwright.errors import OptionError
from genwright.evaluation import measured
from genwright.generation import ROWS, Generation
from genwright.metrics import Report
from genwright.model import Model
from genwright.recipe import Component, Recipe
from genwright.recording import Recording
from genwright.registry import registry
from genwright.samples import Sample, Samples
from genwright.seeds import fresh_seed
from genwright.store import Store, open_store
from genwright.trainer import Progress
from genwright.training import trained

__all__ = ["audit", "evaluate", "generate", "replay", "resume", "stream", "train"]

Where = str | Store | Literal[False] | None


def train(
    recipe: Recipe,
    *,
    name: str | None = None,
    folder: Path | str | None = None,
    store: Where = None,
    device: str = "auto",
    log_every: int = 50,
    tensorboard: Path | str | None = None,
    on_report: Callable[[Progress], None] = lambda progress: None,
) -> Model[Any]:
    """Train the model that a recipe describes, keep it as a checkpoint, and return it.

    name:        the model's name, "domain/something"; the recipe's digest by default
    folder:      where the checkpoint goes; None for the folder of models, under its name
    store:       a URL, a Store, False for none, None for the default store
    device:      "auto", "cpu" or "cuda"
    tensorboard: a folder to write losses to; TensorBoard must be installed

    Training that was stopped is taken up where it stood. Raises RecipeError, MismatchError, DataError, TrainingError.
    """
    name = name or f"{recipe.domain}/{recipe.digest[:12]}"
    target = Path(folder) if folder else library.models_folder() / name
    with Recording.of(store, registry()) as recording:
        return trained(
            recipe,
            registry(),
            recording,
            name=name,
            folder=target,
            device=device,
            log_every=log_every,
            tensorboard=None if tensorboard is None else Path(tensorboard),
            on_report=on_report,
        )


def stream(
    model: str | Path | Model[Any],
    n: int,
    *,
    seed: int | None = None,
    where: Mapping[str, Any] | None = None,
    sampler: str | Component = "temperature",
    store: Where = None,
    reviewers: Sequence[str] = (),
    engine: str | Component = "local",
    batch_size: int = 1000,
    rows: int = ROWS,
    device: str = "cpu",
) -> Iterator[Samples[Any]]:
    """Yield n samples in batches, each recorded before it is yielded; memory stays the same however large n is.

    model:     a model, the name of one ("molecules/druglike"), of a domain (its default model), a folder or a digest
    seed:      None for a fresh one, which the run records
    where:     conditions, such as {"logP": 2.5}
    sampler:   the name of one, or use("top-p", p=0.9)
    store:     a URL, a Store, False for none, None for the default store
    reviewers: names of reviewers whose verdicts are recorded with the samples
    rows:      rows the network is given at once; may change the samples' last bits, so the run records it
    engine, batch_size: what draws, and how many samples are handed over at once; neither has influence on them

    Raises UnknownName, OptionError, ConditionError or MismatchError at the call, not at the first batch.
    """
    _positive(n=n, batch_size=batch_size)
    generation = Generation(
        model=_loaded(model, device),
        sampler=Component.read(sampler),
        where=dict(where or {}),
        seed=fresh_seed() if seed is None else _seed(seed),
        rows=rows,
        registry=registry(),
        device=device,
    )
    return Recording.of(store, registry()).generated(
        generation, range(n), batch_size=batch_size, reviewers=reviewers, engine=Component.read(engine)
    )


def generate(model: str | Path | Model[Any], n: int, **options: Any) -> Samples[Any]:
    """Return n samples of a model, recorded. See `stream` for the options."""
    batches = list(stream(model, n, **options))
    run, domain = batches[0].run, batches[0].domain
    return Samples([sample for batch in batches for sample in batch], run=run, domain=domain)


def resume(run: str = "LAST", *, store: str | Store | None = None, batch_size: int = 1000) -> Iterator[Samples[Any]]:
    """Yield the samples that a generating run planned and has not recorded, recorded under the same run.

    Raises UnknownName for no such run, CheckpointError if its model is gone.
    """
    _positive(batch_size=batch_size)
    recording = Recording.of(store, registry())
    return recording.resumed(run, batch_size=batch_size)


def evaluate(
    samples: Samples[Any] | Sequence[Any],
    *,
    domain: str | None = None,
    reference: str | Path | Sequence[Any] | None = None,
    metrics: Sequence[str] | None = None,
    baseline: bool = True,
    store: Where = None,
) -> Report:
    """Return a report: each metric of the domain, with its uncertainty.

    samples:   of a run, or items of `domain`
    reference: a named data set, a file, or items; metrics that need one are left out without it
    metrics:   the names of some; None for all of the domain
    baseline:  whether to show beside it the same metrics of as many items of the reference itself
    store:     where the values are recorded, if the samples are of a recorded run
    """
    return measured(
        samples,
        registry(),
        domain=domain,
        reference=reference,
        metrics=metrics,
        baseline=baseline,
        store=None if store is False or not isinstance(samples, Samples) else store,
    )


def audit(sample: Sample[Any] | str, *, store: str | Store | None = None) -> Verdict:
    """Return the verdict on one recorded sample: drawn again from its cause, is it the same?

    Raises UnknownName if the store has no such sample.
    """
    id = sample if isinstance(sample, str) else sample.id
    opened = open_store(store)
    return next(iter(replayed(opened, registry(), [opened.sample(id)])))


def replay(run: str = "LAST", *, store: str | Store | None = None) -> Iterator[Verdict]:
    """Yield the verdict on every recorded sample of a run, by index. The replay is itself recorded as a run."""
    opened = open_store(store)
    found = opened.run(run)
    return replayed(opened, registry(), opened.samples(run=found.id))


def _loaded(model: str | Path | Model[Any], device: str) -> Model[Any]:
    if isinstance(model, Model):
        return model
    return Model.load(library.find(model, registry()), registry(), device=device)


def _positive(**numbers: int) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise OptionError(f"{name} is a whole number of 1 or more; got {value!r}.")


def _seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise OptionError(f"seed is a whole number from 0 to 2^63 - 1; got {seed!r}.")
    return seed


