"""From a recipe to a checkpoint."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genwright.checkpoint import check_new
from genwright.datasets import digest, locate
from genwright.domain import Domain, Scalar
from genwright.encoder import Encoder
from genwright.errors import DataError, RecipeError, UnknownName, UsageError
from genwright.model import Model, new_encoder
from genwright.options import make
from genwright.recipe import Component, Recipe
from genwright.recording import Recording, environment, stored
from genwright.registry import Registry
from genwright.run import Run, new_run_id
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Tokens
from genwright.trainer import Examples, Progress, Trainer, chosen_device

__all__ = ["trained"]


def trained(
    recipe: Recipe,
    registry: Registry,
    recording: Recording,
    *,
    name: str,
    folder: Path,
    device: str,
    log_every: int,
    tensorboard: Path | None,
    on_report: Callable[[Progress], None],
) -> Model[Any]:
    """Train a recipe's model, save and record its checkpoint, and return it loaded from there."""
    recipe = _resolved(recipe, registry)
    check_new(folder)
    domain: Domain[Any] = make(registry.get("domain", recipe.domain), {})
    _check_conditions(recipe, domain)
    run = Run(
        id=new_run_id(),
        kind="train",
        domain=recipe.domain,
        environment=environment(registry, chosen_device(device), torch.get_num_threads()),
        model=name,
        config={"recipe": recipe.to_json()},
        seed=recipe.seed,
    )
    with recording.running(run), closing(_Reports(run, recording, tensorboard, on_report)) as reports:
        path = locate(recipe.data)
        model, examples = prepared(recipe, domain, list(domain.read(path)), registry)
        state = folder.with_name(f".{folder.name}.training.safetensors")
        trainer = Trainer(
            recipe, model.family, examples, state=state, accelerator=device, log_every=log_every, on_report=reports
        )
        trainer.run()
        model.family.cpu()
        checkpoint = model.save(folder, name=name, training=_facts(trainer, reports, path, len(examples)))
        if recording.store is not None:
            recording.store.put_checkpoint(stored(checkpoint))
        state.unlink()
    return Model.load(checkpoint, registry)


def prepared(
    recipe: Recipe, domain: Domain[Any], items: Sequence[Any], registry: Registry
) -> tuple[Model[Any], Examples]:
    """Return the untrained model, its encoder fitted, and the encoded examples.

    Items with a flaw, that do not fit the encoder or lack a condition are left out with a warning that counts them.
    """
    sound = [item for item in items if domain.check(item) is None]
    encoder = new_encoder(recipe, registry)
    encoder.fit(sound)
    kept, x = _encoded(encoder, sound)
    measured = domain.measure(kept, recipe.conditions) if recipe.conditions else np.zeros((len(kept), 0))
    whole = np.logical_not(np.isnan(measured).any(1))
    measured = measured[whole]
    kept, x = [item for item, is_whole in zip(kept, whole, strict=True) if is_whole], x[torch.from_numpy(whole)]
    if len(kept) < 2:
        raise DataError(
            f"training needs two valid items or more that the encoder takes and that have every condition; "
            f"of {len(items):,} in {recipe.data}, {len(kept)} are. Give other data, or another encoder."
        )
    if len(kept) < len(items):
        warnings.warn(f"{len(items) - len(kept):,} of {len(items):,} items were left out of training", stacklevel=2)
    scalars = zip(recipe.conditions, measured.mean(0), measured.std(0), strict=True)
    conditions = ConditionSpace(scalars={name: (float(mean), float(std) or 1.0) for name, mean, std in scalars})
    model = Model.new(recipe, encoder, conditions, registry)
    return model, Examples(
        x=x,
        scalars=torch.from_numpy(measured).float(),
        labels=torch.zeros(len(kept), 0, dtype=torch.int64),
        lengths=_lengths(x, model),
        encode=_augmented(encoder, kept) if encoder.augments else None,
    )


def _encoded(encoder: Encoder[Any], items: Sequence[Any]) -> tuple[list[Any], Tensor]:
    """Return the items that the encoder takes, and their tensors."""
    try:
        return list(items), encoder.encode(items)
    except DataError:
        pass
    found = []
    for item in items:
        try:
            found.append((item, encoder.encode([item])))
        except DataError:
            continue
    if not found:
        return [], torch.empty(0)
    return [item for item, _ in found], torch.cat([tensor for _, tensor in found])


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
    return replace(recipe, encoder=encoder)


def _check_conditions(recipe: Recipe, domain: Domain[Any]) -> None:
    for name in recipe.conditions:
        if name not in domain.conditions:
            raise UnknownName(f"condition of {domain.name}", name, domain.conditions)
        if not isinstance(domain.conditions[name], Scalar):
            raise RecipeError(f"a recipe's conditions are learned from what items measure; {name!r} is not measured.")


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


def _facts(trainer: Trainer, reports: _Reports, path: Path, examples: int) -> dict[str, Any]:
    """Return what the card says of the training."""
    return {
        "data_sha256": digest(path) if path.is_file() else "",
        "examples": examples,
        "steps": trainer.step,
        "seconds": round(trainer.seconds),
        "losses": reports.losses,
        "held_out_loss": trainer.validate(),
        "device": str(trainer.fabric.device),
        "torch": torch.__version__,
        "machine": platform.machine(),
    }
