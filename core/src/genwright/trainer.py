"""One trainer for all families: it walks the phases."""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, final

import torch
from lightning_fabric import Fabric
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.swa_utils import get_ema_multi_avg_fn

from genwright.errors import RecipeError, TrainingError, UsageError, shown
from genwright.family import Batch, Family, Phase
from genwright.interruption import postponed
from genwright.kernels.policy import POLICY
from genwright.readings import Condition
from genwright.recipe import Recipe
from genwright.seeds import Noise, permutation, seeded_torch

__all__ = ["Examples", "Progress", "Trainer", "chosen_device", "saved_step"]

# Batches are made of examples of like length out of this many batches, so that little of a batch is padding.
_WINDOW = 16
_SAVE_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Training data: encoded items with what they have of each condition.

    lengths: how much of each item counts; batches gather items of like length
    encode:  gives items another spelling, from their numbers and noise; None where x serves as it is
    """

    x: Tensor
    condition: Condition
    lengths: Tensor
    encode: Callable[[Tensor, Noise], Tensor] | None = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def digest(self) -> str:
        """The SHA-256 of the encoded items and their conditions."""
        sha = hashlib.sha256()
        for tensor in (self.x, self.condition.scalars, self.condition.labels, self.condition.contours):
            if tensor is not None:
                sha.update(tensor.contiguous().numpy().data)
        return sha.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where training stands: losses are means since the last report, `rate` is the learning rate of the last step."""

    step: int
    losses: Mapping[str, float]
    rate: float
    seconds: float


@final
class Trainer:
    """Trains a family on examples, from the start or from where an earlier run was stopped.

    state:     the file that holds where training stands, written every two minutes, on Ctrl-C and at the end
    on_report: called every `log_every` steps

    On a CPU, a run that was killed and resumed gives the same weights, bit for bit, as one that was not.
    """

    def __init__(
        self,
        recipe: Recipe,
        family: Family,
        examples: Examples,
        *,
        state: Path | None = None,
        accelerator: str = "auto",
        log_every: int = 50,
        on_report: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.recipe, self.examples, self.state = recipe, examples, state
        self.log_every, self.on_report = log_every, on_report
        self.fabric = Fabric(accelerator=accelerator, devices=1, precision=_precision(recipe.precision, accelerator))
        self.optimizers = [_optimizers(recipe, phase) for phase in family.phases()]
        flat = [optimizer for group in self.optimizers for optimizer in group]
        self.fabric.setup(family, *flat)
        # Called as it is, since Fabric's wrapper takes no frozen dataclasses; autocast is all that it would add.
        self.family = family
        if recipe.compile:
            _compile(family, recipe)
        self.average = {name: value.detach().clone() for name, value in family.state_dict().items()}
        order = permutation(recipe.seed, -1, len(examples))
        out = max(1, int(len(examples) * recipe.held_out)) if recipe.held_out else 0
        self.held_out, self.kept = order[:out], order[out:]
        if len(self.kept) < 1:
            raise TrainingError(
                f"training needs examples; got {len(examples)}, of which {out} are held out. Give more data."
            )
        self.step = 0
        self.seconds = 0.0
        self._whole = True

    def run(self) -> None:
        """Train to the recipe's last step, then put the averaged weights in the place of the last ones."""
        self._resume()
        self.family.train()
        try:
            self._steps()
        except KeyboardInterrupt:
            if self.state and self.step and self._whole:
                self._save()
            raise
        if self.recipe.average:
            self.family.load_state_dict(self.average)
        self.family.eval()

    def _steps(self) -> None:
        """Take the steps that are left, reporting and saving on the way; an interruption waits for a step's end."""
        begun, saved = time.monotonic() - self.seconds, time.monotonic()
        losses: list[Mapping[str, float]] = []
        for batch in self._batches():
            with postponed():
                losses.append(self._step(batch))
                self.seconds = time.monotonic() - begun
            if self.step % self.log_every == 0 or self.step == self.recipe.steps:
                self._report(losses)
                losses = []
            if self.state and (time.monotonic() - saved > _SAVE_SECONDS or self.step == self.recipe.steps):
                self._save()
                saved = time.monotonic()

    def _step(self, batch: Batch) -> dict[str, float]:
        # Of a step that is cut off, as by a second Ctrl-C, some weights have moved and others not.
        self._whole = False
        # What networks draw by themselves, as dropout does, depends on the step, so a resumed run draws it again.
        with seeded_torch(self.recipe.seed, step=self.step):
            losses = self._train(batch)
        self.step += 1
        self._whole = True
        return losses

    def validate(self) -> float | None:
        """Return the first phase's loss on the held-out examples, of the weights as they are; None without any."""
        if not len(self.held_out):
            return None
        was_training = self.family.training
        self.family.eval()
        batches = [self._batch(rows, training=False) for rows in torch.split(self.held_out, self.recipe.batch_size)]
        with torch.no_grad():
            losses = [float(self._loss(0, batch)) * len(batch) for batch in batches]
        self.family.train(was_training)
        return sum(losses) / len(self.held_out)

    def _train(self, batch: Batch) -> dict[str, float]:
        losses = {}
        rate = _rate(self.recipe, self.step)
        for number, (phase, optimizers) in enumerate(zip(self.family.phases(), self.optimizers, strict=True)):
            self.family.zero_grad()
            losses[phase.name] = self._backward(number, batch)
            if not math.isfinite(losses[phase.name]):
                raise TrainingError(
                    f"the loss {phase.name!r} became {losses[phase.name]} at step {self.step + 1}. "
                    f"Lower learning_rate (it is {self.recipe.learning_rate:g}) or clip (it is {self.recipe.clip:g})."
                )
            if self.recipe.clip:
                torch.nn.utils.clip_grad_norm_(phase.parameters, self.recipe.clip)
            for optimizer in optimizers:
                for group in optimizer.param_groups:
                    group["lr"] = rate * group["share"]
                optimizer.step()
        self._follow()
        return losses

    def _backward(self, number: int, batch: Batch) -> float:
        """Add up the gradients of a batch, in as many passes as the recipe asks; return the loss."""
        size = len(batch) // self.recipe.accumulate
        total = 0.0
        for start in range(0, len(batch), size):
            part = batch[start : start + size]
            share = len(part) / len(batch)
            loss = self._loss(number, part)
            self.fabric.backward(loss * share)
            total += float(loss.detach()) * share
        return total

    def _loss(self, phase: int, batch: Batch) -> Tensor:
        try:
            with self.fabric.autocast():
                loss: Tensor = self.family(phase, batch)
        except torch._dynamo.exc.BackendCompilerFailed as error:
            raise TrainingError(
                f"the networks should be compiled, as the recipe says; that failed: {str(error).splitlines()[0]} "
                "Install a C++ compiler, or train with compile=false, which gives other last bits."
            ) from error
        return loss

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights towards the present ones, faster in the beginning."""
        decay = min(self.recipe.average, (self.step + 1) / (self.step + 10))
        present = self.family.state_dict()
        real = [name for name, value in present.items() if value.is_floating_point()]
        # In one call: on a GPU, a call for each of hundreds of weights would take longer than their step.
        follow = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        follow([self.average[name] for name in real], [present[name] for name in real], None)
        for name in present.keys() - set(real):
            self.average[name].copy_(present[name])

    def _batches(self) -> Iterator[Batch]:
        """Yield the batches from the present step to the last; they depend on the seed and the step alone."""
        while self.step < self.recipe.steps:
            window = self.step // _WINDOW
            rows = self._window(window)
            for number in range(self.step % _WINDOW, _WINDOW):
                if self.step >= self.recipe.steps:
                    return
                yield self._batch(rows[number], training=True)

    def _window(self, window: int) -> Tensor:
        """Return the examples of the batches of a window, each batch of like length, the batches in random order."""
        size = _WINDOW * self.recipe.batch_size
        places = torch.arange(window * size, (window + 1) * size)
        epochs, within = places // len(self.kept), places % len(self.kept)
        parts = [
            permutation(self.recipe.seed, epoch, len(self.kept))[within[epochs == epoch]]
            for epoch in range(int(epochs[0]), int(epochs[-1]) + 1)
        ]
        rows = self.kept[torch.cat(parts)]
        rows = rows[self.examples.lengths[rows].argsort(stable=True)].view(_WINDOW, -1)
        return rows[permutation(self.recipe.seed, -2 - window, _WINDOW)]

    def _batch(self, rows: Tensor, *, training: bool) -> Batch:
        # An example has other noise each time it is trained on, and always the same where it is held out.
        places = self.step * len(rows) + torch.arange(len(rows)) if training else rows
        examples, noise = self.examples, Noise(self.recipe.seed, places)
        x = examples.x[rows] if examples.encode is None else examples.encode(rows, noise)
        condition = examples.condition[rows]
        if training and self.recipe.drop:
            condition = self._dropped(condition, Noise(self.recipe.seed, rows))
        device = self.fabric.device
        progress = self.step / self.recipe.steps if training else 1.0
        return Batch(x=x.to(device), condition=condition.to(device), noise=noise.to(device), progress=progress)

    def _dropped(self, condition: Condition, noise: Noise) -> Condition:
        """Forget all that is asked in a share `drop` of the examples, and in the others a random share of it.

        So a model learns to follow any choice of its conditions, and none.
        """
        scalars, labels, contours = condition.scalars, condition.labels, condition.contours
        described = scalars.shape[1] + labels.shape[1]
        count = described + (0 if contours is None else contours.shape[1])
        if not count:
            return condition
        u = noise.uniform("drop", self.step, count + 2)
        # Of one condition alone, `drop` is the whole of what is forgotten.
        forget = (u[:, :1] < self.recipe.drop) | ((u[:, 2:] > u[:, 1:2]) & (count > 1))
        return replace(
            condition,
            scalars=scalars.masked_fill(forget[:, : scalars.shape[1]], torch.nan),
            labels=labels.masked_fill(forget[:, scalars.shape[1] : described], -1),
            contours=None if contours is None else contours.masked_fill(forget[:, described:, None], torch.nan),
        )

    def _report(self, losses: Sequence[Mapping[str, float]]) -> None:
        means = {name: sum(loss[name] for loss in losses) / len(losses) for name in losses[0]}
        rate = _rate(self.recipe, self.step - 1)
        self.on_report(Progress(step=self.step, losses=means, rate=rate, seconds=self.seconds))

    @cached_property
    def _identity(self) -> Mapping[str, Any]:
        """What a resumed run must share with this one: the recipe, the digest of the data, what is asked of kernels."""
        # The examples say more of the data than the recipe does, and so what it is that differs.
        recipe = replace(self.recipe, data_sha256="").to_json()
        kernels = POLICY.get().to_json()
        return {"recipe": json.loads(json.dumps(recipe)), "data": self.examples.digest, "kernels": kernels}

    def _save(self) -> None:
        """Write where training stands, whole or not at all."""
        assert self.state is not None
        tensors = {f"family.{name}": value for name, value in self.family.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        tensors |= dict(self._optimizer_tensors())
        facts = {"step": self.step, "seconds": self.seconds, **self._identity}
        self.state.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.state.with_suffix(".unfinished")
        copies = {name: value.detach().clone().contiguous() for name, value in tensors.items()}
        save_file(copies, unfinished, {"facts": json.dumps(facts)})
        os.replace(unfinished, self.state)

    def _optimizer_tensors(self) -> Iterator[tuple[str, Tensor]]:
        for number, optimizer in enumerate(o for group in self.optimizers for o in group):
            for place, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"]):
                for name, value in optimizer.state.get(parameter, {}).items():
                    yield f"optimizer.{number}.{place}.{name}", torch.as_tensor(value)

    def _resume(self) -> None:
        """Take up where the state file stands, if there is one.

        Raises RecipeError if it is of another recipe, of other data, or other kernels were asked for.
        """
        if self.state is None or not self.state.exists():
            return
        facts, tensors = _read_state(self.state)
        changes = "; ".join(_changes(facts["recipe"], self._identity["recipe"]))
        if changes:
            raise RecipeError(
                f"training goes on by the recipe that it began with; {self.state} holds a run by another: {changes}. "
                "Go on with that, remove the file to begin anew, or train into another folder."
            )
        if facts["data"] != self._identity["data"]:
            raise RecipeError(
                f"{self.state} holds a training run whose data has the digest {facts['data'][:12]}; this one's is "
                f"{self._identity['data'][:12]}. Go on with the same data, or train into another folder."
            )
        if (before := facts.get("kernels", {})) != (asked := self._identity["kernels"]):
            raise RecipeError(
                f"training goes on with the kernels that it began with; {self.state} holds a run that asked for "
                f"{before or 'none'}, this one for {asked or 'none'}. Ask for those, or train into another folder."
            )
        self.family.load_state_dict(_part(tensors, "family."))
        self.average = {name: value.to(self.fabric.device) for name, value in _part(tensors, "average.").items()}
        for number, optimizer in enumerate(o for group in self.optimizers for o in group):
            _restore(optimizer, _part(tensors, f"optimizer.{number}."))
        self.step, self.seconds = facts["step"], facts["seconds"]


def _compile(family: Family, recipe: Recipe) -> None:
    for phase in family.phases():
        if phase.twice:
            raise RecipeError(
                f"compiled networks give no gradient of a gradient, which the loss {phase.name!r} of family "
                f"{recipe.family.name!r} with these options takes; got compile=true. Leave it out of the recipe."
            )
    for network in family.children():
        network.compile(dynamic=True)


def chosen_device(accelerator: str) -> str:
    """Return the device that "auto", "cpu" or "cuda" stands for here. Raises UsageError for one that is not here."""
    try:
        return str(Fabric(accelerator=accelerator, devices=1).device)
    except (RuntimeError, ValueError) as error:
        raise UsageError(
            f"training takes a device that this machine has, or auto; got {accelerator!r}: {error} Try: auto."
        ) from error


def saved_step(path: Path) -> int | None:
    """Return the step that a state file stands at; None where there is none that can be read."""
    try:
        with safe_open(path, "pt") as file:
            return int(json.loads((file.metadata() or {})["facts"])["step"])
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def _read_state(path: Path) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})["facts"])
            if not isinstance(facts["recipe"], dict):
                raise ValueError("it does not hold its recipe, as in an earlier version")
            return facts, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError) as error:
        raise TrainingError(
            f"{path} should hold where training stood; it cannot be read: {error}. Remove it to begin anew."
        ) from error


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield what differs between two recipes: "steps was 100, is 200"."""
    old, new = _flat(before), _flat(after)
    for name in sorted(old.keys() | new.keys()):
        was, now = (shown(fields[name]) if name in fields else "not given" for fields in (old, new))
        if was != now:
            yield f"{name} was {was}, is {now}"


def _flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    parts = {name: value if isinstance(value, Mapping) else {"": value} for name, value in recipe.items()}
    return {f"{name}.{option}".rstrip("."): value for name, part in parts.items() for option, value in part.items()}


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _restore(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        place, name = key.split(".", 1)
        state.setdefault(int(place), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})


def _optimizers(recipe: Recipe, phase: Phase) -> list[Optimizer]:
    """Return the optimisers of a phase. Muon takes hidden matrices; what has one axis, or is looked up, AdamW."""
    rate, decay, parameters = recipe.learning_rate, recipe.weight_decay, phase.parameters
    if recipe.optimizer == "adamw":
        return [torch.optim.AdamW(_shared(parameters, 1.0, decay), lr=rate, betas=phase.betas)]
    matrices = [p for p in parameters if p.ndim == 2 and min(p.shape) >= _MATRIX]
    rest = [p for p in parameters if not (p.ndim == 2 and min(p.shape) >= _MATRIX)]
    adamw = torch.optim.AdamW(_shared(rest, _ADAMW_SHARE, 0.0), lr=rate, betas=phase.betas)
    if not matrices:
        return [adamw]
    return [adamw, torch.optim.Muon(_shared(matrices, 1.0, decay), lr=rate, momentum=0.95)]


# Below this many rows or columns a matrix is an embedding or a head rather than a map between hidden states.
_MATRIX = 64
# AdamW's share of the rate that Muon is given.
_ADAMW_SHARE = 0.15


def _shared(parameters: Sequence[nn.Parameter], share: float, decay: float) -> list[dict[str, Any]]:
    """Return parameter groups that carry their share of the rate; vectors are not decayed."""
    wide, narrow = [p for p in parameters if p.ndim >= 2], [p for p in parameters if p.ndim < 2]
    groups = [(wide, decay), (narrow, 0.0)]
    return [{"params": some, "weight_decay": d, "share": share} for some, d in groups if some]


def _rate(recipe: Recipe, step: int) -> float:
    """Return the learning rate: it rises over `warmup` steps, stays, and falls to zero over the last share `decay`."""
    rise = (step + 1) / (recipe.warmup + 1)
    fall = (recipe.steps - step) / (recipe.decay * recipe.steps) if recipe.decay else 1.0
    return recipe.learning_rate * min(1.0, rise, fall)


def _precision(precision: str, accelerator: str) -> Any:
    """Return Fabric's name of a precision; "auto" is bfloat16 where it is faster.

    On CPUs that is with AMX only: with AVX512_BF16 alone a training step took 1.2 to 1.8 times as long as in float32
    (Xeon without AMX, torch 2.13).
    """
    if precision == "auto":
        cuda = accelerator in ("auto", "cuda", "gpu") and torch.cuda.is_available()
        fast = torch.cuda.is_bf16_supported() if cuda else torch.cpu._is_amx_tile_supported()
        precision = "bfloat16" if fast else "float32"
    return {"bfloat16": "bf16-mixed", "float32": "32-true"}[precision]
