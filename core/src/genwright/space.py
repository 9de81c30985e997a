"""The sets of tensors in which models work."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from genwright.specs import Space

__all__ = ["ConditionSpace", "Continuous", "SampleSpace", "Tokens"]


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Whole numbers from 0 to vocab_size - 1 in a fixed shape.

    stop: the token that ends a sequence early and fills the rest of its shape; None where all of it counts
    """

    kind: ClassVar[Space] = "tokens"

    vocab_size: int
    shape: tuple[int, ...]
    stop: int | None = None

    @property
    def size(self) -> int:
        """The number of positions."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Continuous:
    """Real numbers in a fixed shape, scaled to about [-1, 1]; `axes` names each axis ("C", "Y", "X")."""

    kind: ClassVar[Space] = "continuous"

    shape: tuple[int, ...]
    axes: tuple[str, ...]

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)


SampleSpace = Tokens | Continuous


@dataclass(frozen=True, kw_only=True)
class ConditionSpace:
    """What a model can be asked for.

    scalars: the mean and deviation that the training data have of each
    labels:  the values of each
    """

    scalars: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain data from which `from_json` makes an equal space, in its order, which the weights follow."""
        return {
            "scalars": [[name, mean, deviation] for name, (mean, deviation) in self.scalars.items()],
            "labels": [[name, list(values)] for name, values in self.labels.items()],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ConditionSpace:
        """Return the space that `to_json` wrote."""
        scalars = {name: (float(mean), float(deviation)) for name, mean, deviation in data["scalars"]}
        return cls(scalars=scalars, labels={name: tuple(values) for name, values in data["labels"]})
