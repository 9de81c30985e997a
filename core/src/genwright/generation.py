"""What decides samples: a model, a sampler, what is asked for, and a seed."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Generic, Literal, TypeVar, final, get_args

import torch
from torch import Tensor

from genwright import contours
from genwright.cuts import Cuts, log_likelihoods
from genwright.errors import MismatchError, OptionError, shown
from genwright.kernels import catalogue
from genwright.kernels.policy import POLICY, Policy, applied
from genwright.kernels.prepacked import prepacked
from genwright.kernels.record import Chosen, recorded
from genwright.launched import launched
from genwright.model import Model
from genwright.options import make
from genwright.readings import Condition, NextToken, Reading
from genwright.recipe import Component, Recipe
from genwright.registry import Registry
from genwright.rows import TILE
from genwright.sampler import Gradual, Sampler
from genwright.samples import Review, Sample
from genwright.seeds import Noise
from genwright.specs import FamilySpec, Reads, SamplerSpec
from genwright.tiled import Tiled

__all__ = [
    "PLAINEST",
    "ROWS",
    "Generation",
    "Precision",
    "check_usual",
    "make_sampler",
    "reviewed",
    "suited",
    "threads",
    "usual_rows",
]

Item = TypeVar("Item")

Precision = Literal["float32", "bfloat16"]

ROWS = 128
"""Rows a network is given at once. It is part of what decides a sample's bits, so runs record it."""

# Of samples of more numbers than this, 16 fill a core, and who wants eight should not wait for 128.
_LARGE = 4096

# At this number the keys and values of the shipped model of molecules fill 10 GB.
_MOST_ROWS = 1 << 16

# A call of the sampler draws this many times the rows, so that places of finished samples go to waiting ones; those of
# the last ones stay empty for a while, one step in twenty-five for molecules.
_CALLS = 16


@final
@dataclass(frozen=True, kw_only=True)
class Generation(Generic[Item]):
    """Draws the samples of any indices; sample i is the same whichever others are drawn with it.

    where:     the conditions asked for
    rows:      that the network is given at once; see ROWS. Where kernels are to be invariant it becomes 16
    precision: of products and convolutions within the network; "bfloat16" takes less time for most where the
               processor has it, and gives other samples of about the same quality
    threads:   of PyTorch within one operation; drawing tokens is many small ones, which a second thread slows down
    kernels:   which implementations of operations may serve; what `kernels.use` asks for where this is made
    chosen:    which of them have served so far; fills while it draws

    Raises UnknownName, OptionError, ConditionError or MismatchError for what cannot be drawn.
    """

    model: Model[Item]
    sampler: Component
    where: Mapping[str, Any]
    seed: int
    rows: int
    registry: Registry
    precision: Precision = "float32"
    threads: int = 1
    kernels: Policy = field(default_factory=POLICY.get)
    chosen: Chosen = field(default_factory=dict, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        _check_precision(self.precision, self._reads, self.model.recipe.backbone.name, self.registry)
        is_whole = isinstance(self.rows, int) and not isinstance(self.rows, bool)
        if not is_whole or not 0 < self.rows <= _MOST_ROWS or (self.rows > 1 and self.rows % TILE):
            raise OptionError(
                f"rows is 1, or a multiple of {TILE} from {TILE} to {_MOST_ROWS:,}; got {shown(self.rows)}. "
                f"The default is {usual_rows(self.model)}."
            )
        if self.kernels.invariant:
            # Whoever asks for it would have the same samples by any number of rows: then it is always the same.
            object.__setattr__(self, "rows", TILE)
            object.__setattr__(self, "kernels", replace(self.kernels, tiled=True))
        self.registry.check_sampler(family=self.model.recipe.family.name, sampler=self.sampler.name)
        catalogue.check(self.kernels)
        # Made now, so that what is wrong with them is said before anything is recorded.
        _ = self._condition
        _check_drawing(self._sampler, self.model.reading(), self.model.recipe, self._plainest)

    @property
    def device(self) -> str:
        """Where the model is, and so where samples are drawn."""
        return str(self.model.device)

    @property
    def samplers(self) -> tuple[Sampler[Any], ...]:
        """The sampler and those inside it, the outermost first."""
        return tuple(_nested(self._sampler))

    def config(self) -> dict[str, Any]:
        """Return as plain data what, with the model and the seed, decides the samples."""
        return {
            "sampler": self.sampler.to_json(),
            "samplers": _labels(self.sampler, self.registry, self._plainest),
            "where": self.model.asked(self.where),
            "rows": self.rows,
            "precision": self.precision,
            **self.kernels.entry(),
        }

    def items(self, indices: Sequence[int]) -> Iterator[Item]:
        """Yield the items of these samples, in their order."""
        for start in range(0, len(indices), self.rows * _CALLS):
            part = torch.tensor(indices[start : start + self.rows * _CALLS], dtype=torch.int64)
            yield from self.decoded(self.tensors(part))

    def decoded(self, tensors: Tensor) -> Iterator[Item]:
        """Yield the items of encoded samples, each saying what was asked for if its domain does that."""
        said = contours.without(self.model.asked(self.where))
        # The networks of an encoder that was learned are not drawn from: their precision is their own.
        with self._computing("float32"):
            items = self.model.encoder.decode(tensors.cpu())
        for item in items:
            yield self.model.domain.labelled(item, said)

    @torch.inference_mode()
    def tensors(self, indices: Tensor, *, reading: Reading | None = None) -> Tensor:
        """Return the encoded samples of these indices, [B, *shape].

        reading: what samples are drawn from in the place of the model's own reading
        """
        noise = Noise(self.seed, indices.to(self.device))
        with self._computing(self.precision):
            condition = self._condition[self._cut(noise)]
            return self._sampler.sample(reading or launched(self.reading), noise, condition, rows=self.rows)

    def stages(self, index: int, *, size: int | None = None) -> Iterator[Item]:
        """Yield what there is of a sample after every `size` tokens, and last itself.

        It is drawn alone, as rows=1 draws it; where kernels are to be invariant, as any rows do.

        size: None for a hundredth of the longest sample

        Raises MismatchError for a model or a sampler that gives samples whole.
        """
        sampler, reading = self._gradual()
        noise = Noise(self.seed, torch.tensor([index], device=self.device))
        fill, length = 0 if reading.stop is None else reading.stop, reading.length
        tokens, count = torch.full((1, *self.model.encoder.space.shape), fill), 0
        with self._computing(self.precision), torch.inference_mode():
            condition = self._condition[self._cut(noise)]
        blocks = sampler.blocks(reading, noise, condition, size=size or max(1, length // 100))
        while True:
            with self._computing(self.precision):
                block = next(blocks, None)
            if block is None:
                return
            tokens.view(-1)[count : count + len(block)] = block
            count += len(block)
            yield next(self.decoded(tokens))

    @contextmanager
    def _computing(self, precision: Precision) -> Iterator[None]:
        """Have PyTorch compute as all that decides samples says, and write down which kernels serve."""
        device = torch.device(self.device).type
        autocast = torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16")
        with threads(self.threads), autocast, applied(self.kernels), recorded(self.chosen):
            yield

    def check_stages(self) -> None:
        """Raise MismatchError for a model or a sampler that gives samples whole."""
        self._gradual()

    def _gradual(self) -> tuple[Gradual[NextToken], NextToken]:
        if not isinstance(self.reading, NextToken):
            raise MismatchError(
                "samples are seen while they are drawn from models that are read token by token; "
                f"{self.model.recipe.family.name!r} gives them whole. Generate without --stream, or choose a model of "
                "family 'autoregressive'."
            )
        if not isinstance(self._sampler, Gradual):
            raise MismatchError(
                f"samples are seen while a sampler draws them token by token; {self.sampler.name!r} gives them whole. "
                "Choose a sampler such as 'temperature' or 'top-p'."
            )
        return self._sampler, Tiled(self.reading) if self.kernels.invariant else self.reading

    def sample(self, run: str, index: int, item: Item) -> Sample[Item]:
        """Return the item of an index as a sample: checked, spelled canonically and identified."""
        domain = self.model.domain
        flaw = domain.check(item)
        return Sample(
            item=item,
            run=run,
            index=index,
            seed=self.seed,
            flaw=flaw,
            canonical=None if flaw else domain.canonical(item),
            identity=None if flaw else domain.identity(item),
        )

    def _cut(self, noise: Noise) -> Tensor:
        """Return which cut of the prefix each sample starts with, drawn as a token is: by the innermost sampler's rule.

        The noise of a sample's first token is used, since the cut decides that token.
        """
        if self._cuts is None:
            return torch.zeros_like(noise.samples)
        *_, sampler = self.samplers
        nothing = Condition.none(len(noise)).to(self.device)
        return sampler.sample(self._cuts, noise, nothing, rows=self.rows)[:, 0]

    def samples(self, run: str, indices: Sequence[int]) -> Iterator[Sample[Item]]:
        """Yield these samples, each checked, spelled canonically and identified."""
        for index, item in zip(indices, self.items(indices), strict=True):
            yield self.sample(run, index, item)

    @cached_property
    def reading(self) -> Reading:
        """The model as samplers read it, its networks made ready for drawing: copied, so not before they draw."""
        if self.model.device.type != "cpu":
            return self.model.reading()
        return replace(self.model, family=prepacked(self.model.family)).reading()

    @cached_property
    def _cuts(self) -> Cuts | None:
        """The choice among the cuts of the prefix; None where there is one, or none can be weighed."""
        if len(self._condition) == 1 or not isinstance(self.reading, NextToken):
            return None
        return Cuts(log_likelihoods(self.reading, self._condition, rows=self.rows))

    @cached_property
    def _condition(self) -> Condition:
        return self.model.condition(self.where).to(self.device)

    @property
    def _reads(self) -> Reads:
        reads: Reads = self.registry.get("family", self.model.recipe.family.name).reads
        return reads

    @cached_property
    def _sampler(self) -> Sampler[Any]:
        return make_sampler(
            self.sampler, self.registry, encoder=self.model.encoder, reads=self._reads, plainest=self._plainest
        )

    @property
    def _plainest(self) -> str:
        """The sampler that one draws with which names no other."""
        return _plainest(self.registry.get("family", self.model.recipe.family.name))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Have PyTorch use so many threads within one operation, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check_precision(precision: object, reads: Reads, backbone: str, registry: Registry) -> None:
    if precision not in get_args(Precision):
        raise OptionError(f"samples are drawn in float32 or bfloat16; got {shown(precision)}. The default is float32.")
    # What a stream keeps of earlier tokens is in a precision that the stream knows.
    if precision == "bfloat16" and reads == "next-token" and not registry.get("backbone", backbone).halves:
        raise OptionError(
            f"backbone {backbone!r} draws token by token in float32; got bfloat16. Leave the precision out."
        )


def make_sampler(
    sampler: Component, registry: Registry, *, encoder: Any, reads: Reads = "next-token", plainest: str = ""
) -> Sampler[Any]:
    """Return a sampler. One that takes `encoder` is given the model's; one that takes `inner`, another sampler.

    reads:    how the model is read
    plainest: the sampler that one draws with which names no other; by default that of the reading

    Raises MismatchError if a sampler inside another cannot read the model, UnknownName if there is none of its name.
    """
    spec = registry.get("sampler", sampler.name)
    given: dict[str, Any] = {"encoder": encoder} if "encoder" in _parameters(spec) else {}
    plainest = plainest or PLAINEST[reads]
    inner = _inner(sampler, spec, plainest)
    if inner is not None:
        registry.check_inner(reads=reads, sampler=sampler.name, inner=inner.name)
        given["inner"] = make_sampler(inner, registry, encoder=encoder, reads=reads, plainest=plainest)
    options = {name: value for name, value in sampler.options.items() if name not in given}
    return make(spec, options, **given)  # type: ignore[no-any-return]


def _labels(sampler: Component, registry: Registry, plainest: str) -> list[str]:
    """Return a sampler and those inside it, the outermost first, each with its version."""
    spec = registry.get("sampler", sampler.name)
    inner = _inner(sampler, spec, plainest)
    return [spec.label, *(_labels(inner, registry, plainest) if inner is not None else ())]


def _nested(sampler: Sampler[Any]) -> Iterator[Sampler[Any]]:
    """Yield a sampler and those inside it, the outermost first."""
    inner: Any = sampler
    while isinstance(inner, Sampler):
        yield inner
        inner = getattr(inner, "inner", None)


def _inner(sampler: Component, spec: SamplerSpec, plainest: str) -> Component | None:
    """Return the sampler that one draws with, the plainest unless it names another; None for one that takes none."""
    if "inner" not in _parameters(spec):
        return None
    return Component.read(sampler.options.get("inner") or plainest)


def _parameters(spec: SamplerSpec) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(spec.load()).parameters


def suited(model: Model[Any], registry: Registry) -> Component:
    """Return the sampler of a model's recipe, else its encoder's or family's, or the plainest for how that is read."""
    if model.recipe.sampler is not None:
        return model.recipe.sampler
    assert model.recipe.encoder is not None, "a checkpoint's recipe names its encoder"
    encoder = registry.get("encoder", model.recipe.encoder.name)
    family = registry.get("family", model.recipe.family.name)
    return Component(encoder.sampler or _plainest(family))


def check_usual(model: Model[Any], registry: Registry) -> None:
    """Raise what is wrong with the sampler that a model's recipe names, before it is trained."""
    recipe = model.recipe
    if recipe.sampler is not None:
        family = registry.get("family", recipe.family.name)
        plain = _plainest(family)
        made = make_sampler(recipe.sampler, registry, encoder=model.encoder, reads=family.reads, plainest=plain)
        _check_drawing(made, model.reading(), recipe, plain)


def _check_drawing(sampler: Sampler[Any], reading: Reading, recipe: Recipe, plain: str) -> None:
    """Raise MismatchError where a sampler, or one inside it, cannot draw from what the recipe trains.

    plain: the sampler that one draws with which names no other
    """
    for one in _nested(sampler):
        one.check(reading)
        if one.unasked:
            _check_unasked(recipe, plain)


def _check_unasked(recipe: Recipe, plain: str) -> None:
    """Raise MismatchError unless a model learns to draw both with something asked and with nothing."""
    if not recipe.conditions:
        raise MismatchError(
            "guidance follows more closely what is asked; this model was trained without conditions, so nothing "
            f"can be. Train it with conditions, or choose sampler {plain!r}."
        )
    if not recipe.drop:
        raise MismatchError(
            "guidance needs a model that also learned to draw with nothing asked; this one was trained with "
            f"drop=0. Train it with drop=0.1, or choose sampler {plain!r}."
        )


def usual_rows(model: Model[Any]) -> int:
    """Return how many rows a model's network is given at once unless asked otherwise, which the model alone decides."""
    return ROWS if math.prod(model.encoder.space.shape) <= _LARGE else TILE


def _plainest(family: FamilySpec) -> str:
    return family.sampler or PLAINEST[family.reads]


PLAINEST: Mapping[Reads, str] = {
    "next-token": "temperature",
    "denoiser": "dpm-solver++",
    "unmasker": "confidence",
    "decoder": "prior",
}
"""The sampler of each reading that is used unless another is asked for."""


def reviewed(samples: Sequence[Sample[Item]], reviewers: Mapping[str, Any]) -> list[Sample[Item]]:
    """Return the samples with the reviews of these reviewers; a flawed sample is not reviewed."""
    valid = [place for place, sample in enumerate(samples) if sample.is_valid]
    found: dict[int, list[Review]] = {place: [] for place in valid}
    for reviewer in reviewers.values():
        for place, review in zip(valid, reviewer([samples[p].item for p in valid]), strict=True):
            found[place].append(review)
    return [replace(sample, reviews=tuple(found.get(place, ()))) for place, sample in enumerate(samples)]
