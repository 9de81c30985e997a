"""The straight lines: train, generate, evaluate, audit.

train     Recipe → Registry → Domain.read → Encoder.encode → Trainer → Checkpoint → Store
generate  Checkpoint → Model → Sampler → Encoder.decode → Domain.check → review → Store
evaluate  Samples + reference → Metrics → Report → Store
audit     Sample → Store → Run → Checkpoint → Sampler → Verdict
score     Items → Encoder.encode → Family.log_likelihood → Likelihoods
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from genwright import library
from genwright.errors import Erased, OptionError, shown
from genwright.generation import Generation, Precision, suited, usual_rows
from genwright.known import around
from genwright.metrics import Report
from genwright.model import Model, checked_device
from genwright.options import check_counts
from genwright.picks import everything, picked, sampled
from genwright.recipe import Component, Recipe
from genwright.recording import Recording
from genwright.registry import check_model_name, registry
from genwright.samples import Sample, Samples
from genwright.seeds import fresh_seed
from genwright.stage import Stage
from genwright.store import Store, open_store, split_id
from genwright.verdict import Verdict, replayed

if TYPE_CHECKING:
    from torch import Tensor

    from genwright.likelihoods import Likelihoods
    from genwright.trainer import Progress

__all__ = [
    "audit",
    "decode",
    "encode",
    "evaluate",
    "generate",
    "interpolate",
    "load",
    "replay",
    "resume",
    "score",
    "stages",
    "stream",
    "train",
    "trajectory",
]

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
    strict: bool = False,
    on_report: Callable[[Progress], None] = lambda progress: None,
) -> Model[Any]:
    """Train the model that a recipe describes, from where that was stopped; keep it as a checkpoint, and return it.

    name:        the model's name, "domain/something"; the recipe's digest by default
    folder:      where the checkpoint goes; None for the folder of models, under its name
    store:       a URL, a Store, False for none, None for the default store
    device:      "auto", "cpu" or "cuda"
    tensorboard: a folder to write losses to; TensorBoard must be installed
    strict:      whether a malformed item of the data is an error, rather than named in a warning and passed over

    Raises RecipeError, MismatchError, DataError, TrainingError, and CheckpointError if the folder is taken.
    """
    name, target = _named(recipe, name, folder)
    check_counts(log_every=log_every)
    # Only here, since what trains takes a second to import, which those who generate need not wait for.
    from genwright.training import trained

    with Recording.of(store, registry()) as recording:
        return trained(
            recipe,
            recording,
            name=name,
            folder=target,
            device=device,
            log_every=log_every,
            tensorboard=None if tensorboard is None else Path(tensorboard),
            strict=strict,
            on_report=on_report,
        )


def load(model: str | Path | Model[Any], *, device: str | None = None) -> Model[Any]:
    """Return a model, to be given to several calls or looked into: its `encoder`, `recipe`, `conditions`, `family`.

    model:  a name, a domain (its default model), a folder or a digest
    device: "cpu" if not given, or such as "cuda"

    Raises UnknownName for no such model, CheckpointError for one that cannot be read, OptionError for no such device.
    """
    if not isinstance(model, Model):
        return Model.load(library.find(model, registry()), registry(), device=device or "cpu")
    if device is not None and checked_device(device) != model.device:
        raise OptionError(
            f"a model that is loaded draws where it is, on {model.device}; got device {device!r}. "
            "Leave the device out, or give the model's name."
        )
    return model


def stream(
    model: str | Path | Model[Any],
    n: int,
    *,
    seed: int | None = None,
    where: Mapping[str, Any] | None = None,
    sampler: str | Component | None = None,
    known: tuple[Any, Any] | None = None,
    store: Where = None,
    reviewers: Sequence[str] = (),
    engine: str | Component = "local",
    batch_size: int = 1000,
    rows: int | None = None,
    precision: Precision = "float32",
    device: str | None = None,
) -> Generator[Samples[Any], None, None]:
    """Yield n samples in batches, each recorded before it is yielded; memory stays the same however large n is.

    model:     a model, the name of one ("molecules/druglike"), of a domain (its default model), a folder or a digest
    seed:      None for a fresh one, which the run records
    where:     conditions, such as {"logP": 2.5}
    sampler:   the name of one, or use("top-p", p=0.9), whose other options are its defaults, not those of the model's
               recipe; None for the recipe's own, or the one that suits the model's encoder
    known:     an item and a mask, true where it is free: the rest of it is kept, and samples are drawn around it
    store:     a URL, a Store, False for none, None for the default store
    reviewers: names of reviewers whose verdicts are recorded with the samples
    rows:      rows the network is given at once, 1 or a multiple of 16; if not given 128, or 16 where samples are
               large; may change last bits, so the run records it. By `kernels.use(invariant=True)` it is 16
    precision: "bfloat16" takes two thirds of the time or so where the processor has it, nine tenths of few rows of a
               unet, and all of it or more of few rows of a transformer; not for wavenet and pixelcnn
    engine, batch_size: what draws, and how many samples are handed over at once; neither has influence on them
    device:    such as "cuda"; None for where a given model is, and for the CPU otherwise

    Raises UnknownName, OptionError, ConditionError or MismatchError at the call, not at the first batch.
    """
    check_counts(n=n, batch_size=batch_size)
    loaded = load(model, device=device)
    chosen = _sampler(loaded, sampler, known)
    generation = _generation(loaded, seed=seed, where=where, sampler=chosen, rows=rows, precision=precision)
    recording = Recording.of(store, registry())
    with recording.preparing():
        return recording.generated(
            generation, n, engine=Component.read(engine), batch_size=batch_size, reviewers=reviewers
        )


def stages(
    model: str | Path | Model[Any],
    n: int = 1,
    *,
    seed: int | None = None,
    where: Mapping[str, Any] | None = None,
    sampler: str | Component | None = None,
    store: Where = None,
    reviewers: Sequence[str] = (),
    size: int | None = None,
    device: str | None = None,
) -> Generator[Stage[Any], None, None]:
    """Yield n samples while they are drawn, one after another: what there is of each, and last the recorded sample.

    Each is drawn alone, as one row, which the run records; `generate` with rows=1 draws the same. By
    `kernels.use(invariant=True)` it is what `generate` draws by any rows.

    size: tokens from one stage to the next; None for a hundredth of the longest sample

    For the other options see `stream`. Raises as that, and MismatchError for a model that is not read token by token.
    """
    check_counts(n=n, **({} if size is None else {"size": size}))
    loaded = load(model, device=device)
    chosen = _sampler(loaded, sampler, None)
    generation = _generation(loaded, seed=seed, where=where, sampler=chosen, rows=1, precision="float32")
    recording = Recording.of(store, registry())
    with recording.preparing():
        return recording.staged(generation, n, size=size, reviewers=reviewers)


def _generation(
    model: Model[Any],
    *,
    seed: int | None,
    where: Mapping[str, Any] | None,
    sampler: Component,
    rows: int | None,
    precision: Precision,
) -> Generation[Any]:
    return Generation(
        model=model,
        sampler=sampler,
        where=dict(where or {}),
        seed=fresh_seed() if seed is None else _seed(seed),
        rows=usual_rows(model) if rows is None else rows,
        registry=registry(),
        precision=precision,
    )


def generate(
    model: str | Path | Model[Any],
    n: int,
    *,
    seed: int | None = None,
    where: Mapping[str, Any] | None = None,
    sampler: str | Component | None = None,
    known: tuple[Any, Any] | None = None,
    store: Where = None,
    reviewers: Sequence[str] = (),
    engine: str | Component = "local",
    batch_size: int = 1000,
    rows: int | None = None,
    precision: Precision = "float32",
    device: str | None = None,
) -> Samples[Any]:
    """Return n samples of a model, recorded. See `stream` for the options."""
    *others, last = stream(
        model,
        n,
        seed=seed,
        where=where,
        sampler=sampler,
        known=known,
        store=store,
        reviewers=reviewers,
        engine=engine,
        batch_size=batch_size,
        rows=rows,
        precision=precision,
        device=device,
    )
    samples = [sample for batch in (*others, last) for sample in batch]
    return Samples(samples, run=last.run, domain=last.domain, store=last.store)


def trajectory(
    model: str | Path | Model[Any],
    n: int,
    *,
    seed: int = 0,
    where: Mapping[str, Any] | None = None,
    sampler: str | Component | None = None,
    known: tuple[Any, Any] | None = None,
    rows: int | None = None,
    precision: Precision = "float32",
    device: str | None = None,
) -> list[list[Any]]:
    """Return how the first n samples come about: at each call of the network what it takes them for, last themselves.

    They are those that `generate` draws with the same options, which `stream` explains; nothing is recorded.

    Raises MismatchError for a model that gives its samples token by token or at once, OptionError for n above `rows`,
    which are 16 where kernels are to be invariant.
    """
    from genwright.trajectories import trajectory as steps

    check_counts(n=n)
    loaded = load(model, device=device)
    chosen = _sampler(loaded, sampler, known)
    return steps(_generation(loaded, seed=seed, where=where, sampler=chosen, rows=rows, precision=precision), n)


def resume(
    run: str = "LAST", *, store: str | Store | None = None, batch_size: int = 1000
) -> Generator[Samples[Any], None, None]:
    """Yield the samples that a generating run planned and has not recorded, recorded under the same run.

    Raises UnknownName for no such run, CheckpointError if its model is gone, MismatchError if its sampler has changed.
    """
    check_counts(batch_size=batch_size)
    recording = Recording.of(store, registry())
    with recording.preparing():
        return recording.resumed(run, batch_size=batch_size)


def evaluate(
    samples: Samples[Any] | Sequence[Any] | str | Path,
    *,
    domain: str | None = None,
    reference: str | Path | Sequence[Any] | None = None,
    metrics: Sequence[str] | None = None,
    baseline: bool = True,
    strict: bool = False,
    store: Where = None,
) -> Report:
    """Return a report: each metric of the domain, with its uncertainty.

    samples:   of a run; or items of `domain`, as they are, a file of them or a named data set
    reference: a named data set, a file, or items; metrics that need one are left out without it
    metrics:   the names of some; None for all of the domain
    baseline:  whether to show beside it the same metrics of the reference itself: of as many items of its one half,
               or all, beside its other half
    strict:    whether a malformed item of a file is an error, rather than named in a warning and passed over
    store:     where the values are recorded; None for where the samples are, False for nowhere
    """
    from genwright.evaluation import measured

    return measured(
        samples,
        registry(),
        domain=domain,
        reference=reference,
        metrics=metrics,
        baseline=baseline,
        strict=strict,
        store=store,
    )


def encode(
    model: str | Path | Model[Any],
    items: Sequence[Any],
    *,
    where: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> Tensor:
    """Return the latents that a VAE or VQ-VAE gives items, [B, *latent]; of no item, none.

    where: what the items are known to be, for a model that learned conditions

    Raises MismatchError for a model without latents of items, DataError for an item that it cannot take, OptionError
    for what is no item of its domain, ConditionError for a start.
    """
    from genwright.representation import encoded

    return encoded(load(model, device=device), items, where=where)


def decode(
    model: str | Path | Model[Any], latents: Tensor, *, where: Mapping[str, Any] | None = None, device: str = "cpu"
) -> list[Any]:
    """Return the items that latents [B, *latent] of a VAE or VQ-VAE stand for. Raises as `encode`, and ShapeError."""
    from genwright.representation import decoded

    return decoded(load(model, device=device), latents, where=where)


def interpolate(
    model: str | Path | Model[Any],
    a: Any,
    b: Any,
    steps: int,
    *,
    where: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> list[Any]:
    """Return items by equal steps from one to another, both among them, along the arc between their latents.

    a, b:  two items, which a VAE encodes; or the numbers of two samples of `seed`, as the prior of a VAE or GAN draws
           them
    where: what all of them are known to be or asked to be, for a model that learned conditions

    Raises as `encode`, and OptionError for fewer than two steps.
    """
    from genwright.representation import between_samples, interpolated

    loaded = load(model, device=device)
    if isinstance(a, int) and isinstance(b, int):
        return between_samples(loaded, a, b, steps, where=where, seed=_seed(seed))
    return interpolated(loaded, a, b, steps, where=where)


def score(
    model: str | Path | Model[Any],
    items: Sequence[Any],
    *,
    where: Mapping[str, Any] | None = None,
    seed: int = 0,
    device: str = "cpu",
) -> Likelihoods:
    """Return how likely items are under a model: log p in nats, exact or a bound below it, and bits per dimension.

    where: what is asked for, for p(x given that), but for a start; None for p(x) itself
    seed:  of what can only be estimated; an item's noise is its own, wherever it stands

    An item with a flaw is scored as any other that the model's encoder takes.

    Raises MismatchError for a model that cannot say, DataError for an item that it cannot take, OptionError for what is
    no item of its domain, ConditionError for a start, UsageError for no item.
    """
    from genwright.likelihoods import likelihoods

    return likelihoods(load(model, device=device), items, registry(), where=where or {}, seed=_seed(seed))


def audit(sample: Sample[Any] | str, *, store: str | Store | None = None) -> Verdict:
    """Return the verdict on one recorded sample: drawn again from its cause, is it the same?

    Raises UnknownName if the store has no such sample.
    """
    run, index = split_id(sample if isinstance(sample, str) else sample.id)
    with _opened(store) as opened:
        id = f"{opened.run(run).id}/{index}"
        try:
            record = opened.sample(id)
        except Erased as error:
            return Verdict(sample=id, outcome="not repeatable", reason=str(error))
        (verdict,) = replayed(opened, registry(), [record])
    return verdict


def replay(
    run: str | None = "LAST", *, sample: int | None = None, seed: int = 0, store: str | Store | None = None
) -> Iterator[Verdict]:
    """Yield the verdict on every recorded sample of a run, by index. Each run's replay is itself recorded as a run.

    run:    None for all runs that have samples, those of one model in a row
    sample: a number of samples, drawn at random by `seed`; None for all

    What cannot be drawn again has a verdict that says why. Raises UnknownName for no such run.
    """
    if sample is not None:
        check_counts(sample=sample)
    with ExitStack() as stack:
        opened = stack.enter_context(_opened(store))
        those = picked(opened, run)
        records = everything(opened, those) if sample is None else sampled(opened, those, sample, _seed(seed))
        return _finally_closed(replayed(opened, registry(), records), stack.pop_all())


def _finally_closed(verdicts: Iterator[Verdict], stack: ExitStack) -> Iterator[Verdict]:
    with stack:
        yield from verdicts


def _opened(store: str | Store | None) -> AbstractContextManager[Store]:
    """Return the store, which is closed in the end if it was opened here."""
    opened = open_store(store)
    return nullcontext(opened) if opened is store else closing(opened)


def _sampler(model: Model[Any], asked: str | Component | None, known: tuple[Any, Any] | None) -> Component:
    sampler = suited(model, registry()) if asked is None else Component.read(asked)
    if known is None:
        return sampler
    if not isinstance(known, tuple | list) or len(known) != 2:
        raise OptionError(
            f"known is an item and a mask, true where the item is to be drawn; got {shown(known)}. "
            "Write known=(item, free)."
        )
    item, free = known
    registry().check_sampler(family=model.recipe.family.name, sampler=sampler.name)
    return around(model.encoder, item, free, sampler=sampler)


def _named(recipe: Recipe, name: str | None, folder: Path | str | None) -> tuple[str, Path]:
    """Return a model's name and folder; among the models, its name must not be that of a plugin's."""
    name = f"{recipe.domain}/{recipe.digest[:12]}" if name is None else name
    check_model_name(name, recipe.domain)
    if folder is not None:
        return name, Path(folder)
    if name in {spec.name for spec in registry().specs("model")}:
        raise OptionError(f"{name!r} is the name of a model that came with a plugin. Give another name, or a folder.")
    return name, library.models_folder() / name


def _seed(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
        raise OptionError(f"seed is a whole number from 0 to 2^63 - 1; got {shown(seed)}.")
    return seed
