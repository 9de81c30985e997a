"""The sets of tensors in which models work."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from genwright.specs import Space

__all__ = ["WORDS", "ConditionSpace", "Continuous", "SampleSpace", "Tokens", "spelled"]

WORDS = 16
"""How many words of a text a model is given; the rest is not read."""


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
    """Real numbers in a fixed shape, scaled to about [-1, 1].

    axes: the name of each axis ("C", "Y", "X")
    step: the spacing of the values that items have, 2 / 255 for pixels of 8 bits; 0 where they may have any
    """

    kind: ClassVar[Space] = "continuous"

    shape: tuple[int, ...]
    axes: tuple[str, ...]
    step: float = 0.0

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
    texts:   the words that the training data have in each, lower-case
    contours: the mean and deviation that the values of the training data have in each
    places:  how many places of the space a value of a contour stands for; need not be whole
    """

    scalars: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    contours: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    places: float = 0.0

    @property
    def names(self) -> list[str]:
        """What can be asked for: scalars, labels, texts, contours."""
        return [*self.scalars, *self.labels, *self.texts, *self.contours]

    @property
    def columns(self) -> int:
        """How many columns a condition's labels have: one a label, then WORDS a text."""
        return len(self.labels) + WORDS * len(self.texts)

    def values(self, space: SampleSpace) -> int:
        """Return how many values a contour has along a whole sample; 0 where there is no contour.

        They lie along the tokens in their order, or along the last axis of numbers.
        """
        length = space.size if isinstance(space, Tokens) else space.shape[-1]
        return math.ceil(length / self.places) if self.contours else 0

    def words(self, name: str, text: str) -> list[int]:
        """Return the places of a text's words among the known ones, the first WORDS of them, then -1.

        Words that the training data do not have are left out.
        """
        known = self.texts[name]
        found = [known.index(word) for word in spelled(text) if word in known][:WORDS]
        return found + [-1] * (WORDS - len(found))

    def unread(self, name: str, text: str) -> list[str]:
        """Return the words of a text that `words` leaves out: those not known, and known ones after the first WORDS."""
        known, found = self.texts[name], spelled(text)
        return [w for w in found if w not in known] + [w for w in found if w in known][WORDS:]

    def to_json(self) -> dict[str, Any]:
        """Return plain data from which `from_json` makes an equal space, in its order, which the weights follow."""
        contours = [[name, mean, deviation, self.places] for name, (mean, deviation) in self.contours.items()]
        return {
            "scalars": [[name, mean, deviation] for name, (mean, deviation) in self.scalars.items()],
            "labels": [[name, list(values)] for name, values in self.labels.items()],
            "texts": [[name, list(words)] for name, words in self.texts.items()],
            # Left out where there are none, so that a model has the card, and the digest, of before there were any.
            **({"contours": contours} if contours else {}),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ConditionSpace:
        """Return the space that `to_json` wrote."""
        scalars = {name: (float(mean), float(deviation)) for name, mean, deviation in data["scalars"]}
        labels, texts = ({name: tuple(values) for name, values in data.get(of, ())} for of in ("labels", "texts"))
        traced = data.get("contours", ())
        contours = {name: (float(mean), float(deviation)) for name, mean, deviation, _ in traced}
        places = float(traced[0][3]) if traced else 0.0
        return cls(scalars=scalars, labels=labels, texts=texts, contours=contours, places=places)


def spelled(text: str) -> list[str]:
    """Return the words of a text, lower-case: runs of letters and digits."""
    return re.findall(r"[^\W_]+", text.lower())
