"""From a recipe to a checkpoint."""

from __future__ import annotations

import json
import platform
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from jaxtyping import Bool, Float64
from numpy import ndarray
from torch import Tensor

from genwright import contours, library
from genwright.checkpoint import Checkpoint, check_new
from genwright.datasets import digest, locate, reader
from genwright.domain import Contour, Domain, Label, Prefix, Scalar, Text
from genwright.encoder import Encoder
from genwright.errors import CheckpointError, DataError, RecipeError, TrainingError, UnknownName, UsageError, shown
from genwright.family import Family
from genwright.generation import check_usual
from genwright.items import taken
from genwright.kernels.policy import POLICY
from genwright.kernels.record import recorded
from genwright.model import Model, halved, load_weights, new_encoder
from genwright.options import make
from genwright.readings import Condition
from genwright.recipe import Component, Recipe
from genwright.recording import Recording, environment, stored
from genwright.registry import Registry
from genwright.run import Run, new_run_id
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Tokens, spelled
from genwright.store import Score
from genwright.trainer import Examples, Progress, Trainer, chosen_device, saved_step

__all__ = ["prepared", "trained"]


def trained(
    recipe: Recipe,
    recording: Recording,
    *,
    name: str,
    folder: Path,
    device: str,
    log_every: int,
    tensorboard: Path | None,
    on_report: Callable[[Progress], None],
    strict: bool = False,
) -> Model[Any]:
    """Train a recipe's model, save and record its checkpoint, and return it loaded from there."""
    registry = recording.registry
    recipe = _resolved(recipe, registry)
    domain: Domain[Any] = make(registry.get("domain", recipe.domain), {})
    _check_conditions(recipe, domain, registry)
    recipe, start = _starting(recipe, registry)
    path = locate(recipe.data)
    recipe = _stating(recipe, path)
    run = _new_run(recipe, name, registry, device=device)
    with (
        _alone(folder) as state,
        recording.running(run),
        closing(_Reports(run, recording, tensorboard, on_report)) as reports,
        recorded(recording.chosen),
    ):
        items = list(reader(recipe.data, domain)(path, strict=strict))
        model, examples = prepared(recipe, domain, items, registry, start=start)
        check_usual(model, registry)
        trainer = Trainer(
            recipe, model.family, examples, state=state, accelerator=device, log_every=log_every, on_report=reports
        )
        trainer.run()
        checkpoint = _kept(model, _finished(trainer, reports), recording, run=run, folder=folder, start=start)
        state.unlink()
    return Model.load(checkpoint, registry)


def _kept(
    model: Model[Any],
    facts: Mapping[str, Any],
    recording: Recording,
    *,
    run: Run,
    folder: Path,
    start: Checkpoint | None,
) -> Checkpoint:
    """Save a trained model, whose card says these facts and the run, and record it."""
    checkpoint = model.save(folder, name=run.model, training={**facts, "run": run.id})
    if recording.store is not None:
        recording.put_model(replace(model, checkpoint=checkpoint))
        if start is not None:
            recording.store.put_checkpoint(stored(start))
        recording.store.put_scores(run.id, _scores(facts, checkpoint))
    return checkpoint


def _new_run(recipe: Recipe, name: str, registry: Registry, *, device: str) -> Run:
    return Run(
        id=new_run_id(),
        kind="train",
        domain=recipe.domain,
        environment=environment(registry, chosen_device(device), torch.get_num_threads()),
        model=name,
        config={"recipe": recipe.to_json(), **POLICY.get().entry()},
        seed=recipe.seed,
    )


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """Keep other processes from training into a new folder; give the file for where training stands.

    A KeyboardInterrupt within has a note of what was saved.

    Raises CheckpointError if the folder is taken, TrainingError if it cannot be written or another trains into it.
    """
    state = folder.with_name(f".{folder.name}.training.safetensors")
    lock = FileLock(state.with_suffix(".lock"), timeout=0)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise TrainingError(
            f"a folder is trained into by one process at a time; another trains into {folder}. Wait for it, or choose "
            "another folder."
        ) from None
    except OSError as error:
        raise TrainingError(
            f"a model is written to a new folder; {folder} cannot be made: {error.strerror}. Choose another."
        ) from error
    try:
        check_new(folder)
        yield state
    except KeyboardInterrupt as stop:
        step = saved_step(state)
        stop.add_note(
            "Nothing was saved; the same command begins anew."
            if step is None
            else f"It is saved at step {step:,}; the same command goes on from there."
        )
        raise
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def prepared(
    recipe: Recipe, domain: Domain[Any], items: Sequence[Any], registry: Registry, *, start: Checkpoint | None = None
) -> tuple[Model[Any], Examples]:
    """Return the model with the weights of `start` or untrained ones, its encoder fitted, and the encoded examples.

    Items with a flaw, that do not fit the encoder or lack a condition are left out with a warning that counts them and
    gives the first reason.
    """
    flaws = [domain.check(item) for item in items]
    sound = [item for item, flaw in zip(items, flaws, strict=True) if flaw is None]
    encoder = new_encoder(recipe, registry)
    encoder.fit(sound)
    kept, x, refusal = _encoded(encoder, sound)
    space, condition, whole = _asked(kept, recipe.conditions, domain, encoder)
    kept, x, condition = [kept[row] for row in whole.nonzero()[:, 0].tolist()], x[whole], condition[whole]
    reason = next(filter(None, (*flaws, refusal)), "It lacks a condition.")
    if len(kept) < 2:
        raise DataError(
            f"training needs two valid items or more that the encoder takes and that have every condition; "
            f"of {len(items):,} in {recipe.data}, {len(kept)} are. Give other data, or another encoder."
            + (f" Why the first is left out: {reason}" if len(kept) < len(items) else "")
        )
    if len(kept) < len(items):
        warnings.warn(
            f"{len(items) - len(kept):,} of {len(items):,} items were left out of training; why the first: {reason}",
            stacklevel=2,
        )
    model = Model.new(recipe, encoder, space, registry)
    if start is not None:
        _begin(model, start)
    return model, Examples(
        x=x,
        condition=condition,
        lengths=_lengths(x, model),
        encode=_augmented(encoder, kept) if encoder.augments else None,
    )


def _begin(model: Model[Any], start: Checkpoint) -> None:
    """Give a model the weights of another. Raises RecipeError where they would mean something else in it."""
    own = _meaning(model.recipe, model.encoder.state(), model.conditions)
    theirs = _meaning(Recipe.from_json(start.card["recipe"]), start.card["encoder"], _space_of(start))
    for what in own:
        if own[what] != theirs[what]:
            raise RecipeError(
                f"a model that starts with the weights of another has its {what}, or they would mean something else; "
                f"{start.name} has {shown(theirs[what])}, this recipe makes {shown(own[what])}. "
                "Give it the same encoder and conditions, and data with the same words and classes."
            )
    try:
        load_weights(model.family, start)
    except CheckpointError as error:
        raise RecipeError(
            f"a recipe with a start has the networks of that model; those of {start.name} are others than this "
            f"recipe's. Give it the options of family and backbone that {start.folder / 'card.json'} states."
        ) from error


def _space_of(start: Checkpoint) -> ConditionSpace:
    return ConditionSpace.from_json(start.card["conditions"])


def _meaning(recipe: Recipe, state: Mapping[str, Any], conditions: ConditionSpace) -> dict[str, Any]:
    """Return what says what a model's numbers stand for, as plain data."""
    space = conditions.to_json()
    return {
        "encoder": recipe.encoder and json.loads(json.dumps({**recipe.encoder.to_json(), **state})),
        "conditions": {name: [given[0] for given in some] for name, some in space.items()},
        "values": {name: given for name, *given in space["labels"]},
        "words": {name: given for name, *given in space["texts"]},
    }


def _asked(
    items: Sequence[Any], names: Sequence[str], domain: Domain[Any], encoder: Encoder[Any]
) -> tuple[ConditionSpace, Condition, Bool[Tensor, " B"]]:
    """Return what can be asked of a model of these items, what each of them has of it, and which have all of it."""
    scalars, labels, texts, followed = (
        [name for name in names if isinstance(domain.conditions[name], kind)] for kind in (Scalar, Label, Text, Contour)
    )
    places = contours.places(domain, encoder, followed)
    measured = domain.measure(items, scalars) if scalars else np.zeros((len(items), 0))
    described = {name: domain.describe(items, name) for name in (*labels, *texts)}
    traced = {name: domain.trace(items, name) for name in followed}
    whole = ~np.isnan(measured).any(1)
    told: list[Sequence[Any]] = [*described.values(), *traced.values()]
    for values in told:
        whole &= np.array([value is not None for value in values], dtype=bool)
    space = ConditionSpace(
        scalars={name: _scale(column[whole]) for name, column in zip(scalars, measured.T, strict=True)},
        labels={name: _values(domain.conditions[name], described[name]) for name in labels},
        texts={name: _words(described[name]) for name in texts},
        contours={name: contours.scale(traced[name], whole) for name in followed},
        places=places,
    )
    columns = [[[space.labels[name].index(v) if v else -1] for v in described[name]] for name in labels]
    columns += [[space.words(name, text or "") for text in described[name]] for name in texts]
    condition = Condition(
        scalars=torch.from_numpy(measured).float(),
        labels=torch.cat([torch.tensor(c) for c in columns], 1) if columns else torch.zeros(len(items), 0).long(),
        prefix=torch.empty(len(items), 0, dtype=torch.int64),
        contours=contours.laid(traced, space, count=space.values(encoder.space), rows=len(items)),
    )
    return space, condition, torch.from_numpy(whole)


def _scale(column: Float64[ndarray, " N"]) -> tuple[float, float]:
    return (float(column.mean()), float(column.std()) or 1.0) if len(column) else (0.0, 1.0)


def _values(offer: Any, found: Sequence[str | None]) -> tuple[str, ...]:
    """Return the values of a label: those that the domain names, else those found."""
    return tuple(offer.values) or tuple(sorted({value for value in found if value is not None}))


def _words(texts: Sequence[str | None]) -> tuple[str, ...]:
    """Return the words that two texts or more have, the most frequent first."""
    counts = Counter(word for text in texts for word in set(spelled(text or "")))
    return tuple(word for word, count in sorted(counts.items(), key=lambda found: (-found[1], found[0])) if count > 1)


def _encoded(encoder: Encoder[Any], items: Sequence[Any]) -> tuple[list[Any], Tensor, str]:
    """Return the items that the encoder takes, their tensors, and why it does not take the first of the others."""
    x, refusals = taken(encoder, items)
    kept = [item for item, refusal in zip(items, refusals, strict=True) if refusal is None]
    return kept, x, next(filter(None, refusals), "")


def _augmented(encoder: Encoder[Any], items: Sequence[Any]) -> Callable[[Tensor, Noise], Tensor]:
    return lambda rows, noise: encoder.encode([items[row] for row in rows.tolist()], noise=noise)


def _lengths(x: Tensor, model: Model[Any]) -> Tensor:
    space = model.encoder.space
    if not isinstance(space, Tokens) or space.stop is None:
        return torch.full((len(x),), space.size)
    return (x.flatten(1) != space.stop).sum(1) + 1


def _resolved(recipe: Recipe, registry: Registry) -> Recipe:
    """Return the recipe with its encoder named, checked for what fits what. Raises UnknownName or MismatchError."""
    encoder = recipe.encoder or Component(registry.get("domain", recipe.domain).encoder)
    registry.check_fit(
        domain=recipe.domain, encoder=encoder.name, family=recipe.family.name, backbone=recipe.backbone.name
    )
    if recipe.sampler is not None:
        registry.check_sampler(family=recipe.family.name, sampler=recipe.sampler.name)
    return replace(recipe, encoder=encoder)


def _stating(recipe: Recipe, path: Path) -> Recipe:
    """Return the recipe with the digest of its data. Raises DataError if it states another."""
    try:
        found = digest(path)
    except OSError as error:
        raise DataError(f"data are a file or folder that can be read; {path} cannot: {error.strerror}.") from error
    if recipe.data_sha256 not in ("", found):
        raise DataError(
            f"the recipe is for data with the SHA-256 {recipe.data_sha256[:12]}; {path} has {found[:12]}. "
            "Bring the data that it states, or leave data_sha256 out of it."
        )
    return replace(recipe, data_sha256=found)


def _starting(recipe: Recipe, registry: Registry) -> tuple[Recipe, Checkpoint | None]:
    """Return the recipe with the digest of the model that it starts from, and that model.

    Raises UnknownName for no such model, RecipeError where the family would not learn from it.
    """
    start = library.find(recipe.start, registry) if recipe.start else None
    family: type[Family] = registry.get("family", recipe.family.name).load()
    family.check_recipe(recipe, None if start is None else Model.load(start, registry).family)
    # A name may come to mean another model; a digest cannot.
    return replace(recipe, start="" if start is None else start.digest), start


def _check_conditions(recipe: Recipe, domain: Domain[Any], registry: Registry) -> None:
    for name in recipe.conditions:
        if name not in domain.conditions:
            raise UnknownName(f"condition of {domain.name}", name, domain.conditions)
        if isinstance(domain.conditions[name], Prefix):
            raise RecipeError(
                f"a recipe's conditions are learned from what items have; {name!r} is a start, which needs no learning."
            )
    followed = [name for name in recipe.conditions if isinstance(domain.conditions[name], Contour)]
    registry.check_contours(recipe.backbone.name, followed)


class _Reports:
    """Hands each report to the caller, the observers and TensorBoard, and keeps the losses for the card."""

    def __init__(
        self, run: Run, recording: Recording, tensorboard: Path | None, on_report: Callable[[Progress], None]
    ) -> None:
        self.run, self.recording, self.on_report = run, recording, on_report
        self.losses: dict[str, float] = {}
        self.writer: Any = None
        if tensorboard is not None:
            self.writer = _summary_writer(tensorboard)

    def __call__(self, progress: Progress) -> None:
        self.losses = dict(progress.losses)
        self.recording.observers.on_step(self.run, progress.step, progress.losses)
        if self.writer is not None:
            for name, loss in progress.losses.items():
                self.writer.add_scalar(name, loss, progress.step)
            self.writer.add_scalar("learning rate", progress.rate, progress.step)
            self.writer.flush()
        self.on_report(progress)

    def close(self) -> None:
        """Let go of TensorBoard's file."""
        if self.writer is not None:
            self.writer.close()


def _summary_writer(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            f"TensorBoard's files are written by its package, which is not installed: {error}. "
            "Install it: pip install 'genwright-core[tensorboard]'."
        ) from error
    return SummaryWriter(folder)


def _scores(facts: Mapping[str, Any], checkpoint: Checkpoint) -> list[Score]:
    """Return what the run's record says of its end: the losses of the model, and which checkpoint it is."""
    losses = {**facts["losses"], "held out": facts["held_out_loss"]}
    made = f"checkpoint {checkpoint.digest}"
    return [Score(metric=f"train/{n}", value=loss, detail=made) for n, loss in losses.items() if loss is not None]


def _finished(trainer: Trainer, reports: _Reports) -> dict[str, Any]:
    """Leave the family on the CPU, with the weights that a checkpoint keeps; return what the card says of them."""
    # The loss on the card is of the weights beside it, taken where the batches go.
    trainer.family.load_state_dict(halved(trainer.family))
    facts = {
        "examples": len(trainer.examples),
        "steps": trainer.step,
        "seconds": round(trainer.seconds),
        "losses": reports.losses,
        "held_out_loss": trainer.validate(),
        "device": str(trainer.fabric.device),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
    trainer.family.cpu()
    return facts
