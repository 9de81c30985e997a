"""How likely items are under a model."""

from __future__ import annotations

import hashlib
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genwright.encoders.learned import Learned
from genwright.errors import MismatchError, UsageError
from genwright.items import encoded_items, known_condition
from genwright.metrics import Value
from genwright.model import Model
from genwright.registry import Registry
from genwright.rows import TILE, by_rows
from genwright.seeds import Noise
from genwright.specs import Likelihood

__all__ = ["Likelihoods", "likelihoods"]


@dataclass(frozen=True, kw_only=True)
class Likelihoods:
    """How likely each of some items is.

    nats:       log p of each; below 0 where p is a probability, of any sign where it is a density
    kind:       "exact", or "bound" where log p is at least this
    dimensions: positions or elements of the space in which an item is encoded
    """

    nats: Sequence[float]
    kind: Likelihood
    dimensions: int

    @property
    def bits_per_dimension(self) -> list[float]:
        """What each item costs: -log2 p / dimensions; less is likelier."""
        return [-nats / (math.log(2) * self.dimensions) for nats in self.nats]

    @property
    def mean_nats(self) -> Value:
        """The mean of log p."""
        return _mean(self.nats)

    @property
    def mean_bits_per_dimension(self) -> Value:
        """The mean of the bits per dimension."""
        return _mean(self.bits_per_dimension)

    def __len__(self) -> int:
        return len(self.nats)


def likelihoods(
    model: Model[Any], items: Sequence[Any], registry: Registry, *, where: Mapping[str, Any], seed: int
) -> Likelihoods:
    """Return how likely items are, given what is asked for; an item with a flaw as any other that the encoder takes.

    seed: of what can only be estimated. The noise of an item is its own, by its content, so that its value does not
          depend on where it stands or what stands beside it, and in a mean of many its share is small

    Raises MismatchError for a model that cannot say, DataError for an item that it cannot take, OptionError for what is
    no item of its domain, ConditionError for a start, UsageError for no item.
    """
    if not len(items):
        raise UsageError("likelihoods are of items; there are none. Give some.")
    if isinstance(model.encoder, Learned):
        raise MismatchError(
            f"this model knows how likely latents of {model.encoder.model!r} are, and many may stand for one item, so "
            "it cannot say how likely items are. Choose a model that learned the items themselves."
        )
    x = encoded_items(model.encoder, items)
    condition = known_condition(model, where).expand(TILE)
    noise = Noise(seed, torch.tensor([_number(row) for row in x]))
    device = str(next(model.family.parameters()).device)
    with torch.no_grad():
        nats = by_rows(
            lambda places: model.family.log_likelihood(
                x[places.cpu()].to(device), condition.to(device), noise[places.cpu()].to(device)
            ),
            len(items),
            rows=TILE,
            device=device,
        )
    kind = registry.get("family", model.recipe.family.name).likelihood
    return Likelihoods(nats=nats.double().tolist(), kind=kind, dimensions=model.encoder.space.size)


def _number(row: Tensor) -> int:
    """Return a number that an encoded item has by its content, as `Noise` numbers samples."""
    sha = hashlib.sha256(row.cpu().contiguous().numpy().tobytes())
    return int.from_bytes(sha.digest()[:8], "little") >> 1


def _mean(values: Sequence[float]) -> Value:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return Value(value=statistics.fmean(values), error=error, count=len(values))
