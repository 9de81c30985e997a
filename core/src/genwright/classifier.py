"""Small networks that tell the classes of items apart, trained where they are used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, Shaped
from numpy import ndarray
from torch import Tensor

from genwright.generation import threads
from genwright.seeds import Noise, permutation

__all__ = ["Classifier", "Weights", "held_out"]

_PEAK, _RISE = 3e-3, 0.25

_Kind = TypeVar("_Kind", bound="Classifier")

Weights = Mapping[str, Tensor]
"""The weights of a network by name; each is followed by an offset of the name "name/offset"."""


class Classifier(ABC):
    """A network that takes an array a row for an item.

    classes: the names of the classes, in the order of the logits
    """

    steps: ClassVar[int]
    """How many steps it is trained for; small sets are gone through more often, for the same time."""

    batch: ClassVar[int] = 64
    """How many items a step has."""

    smoothing: ClassVar[float] = 0.0
    """How much of the chance of a class is shared out among all, in training."""

    def __init__(self, classes: Sequence[str], weights: Weights) -> None:
        self.classes = tuple(classes)
        self._weights = dict(weights)

    @classmethod
    def trained(
        cls: type[_Kind], inputs: Shaped[ndarray, " N *shape"], classes: Sequence[str], *, steps: int | None = None
    ) -> _Kind:
        """Return a classifier trained on items of these classes: always the same from the same, on one machine.

        It takes one thread, since sums over several have other last bits.

        steps: None for as many as is usual for it
        """
        names = sorted(set(classes))
        labels = torch.tensor([names.index(name) for name in classes])
        weights = {name: _weight(name, *shape).requires_grad_() for name, shape in cls.shapes(len(names)).items()}
        offsets = {f"{name}/offset": torch.zeros(len(w), requires_grad=True) for name, w in weights.items()}
        weights |= offsets
        with threads(1):
            cls._train(weights, torch.from_numpy(inputs), labels, cls.steps if steps is None else steps)
        return cls(names, {name: weight.detach() for name, weight in weights.items()})

    @staticmethod
    @abstractmethod
    def shapes(classes: int) -> Mapping[str, tuple[int, ...]]:
        """Return the shape of each weight, its outputs first, for so many classes."""

    @staticmethod
    @abstractmethod
    def logits(weights: Weights, inputs: Shaped[Tensor, " B *shape"]) -> Float[Tensor, "B K"]:
        """Return the logits of the classes."""

    def predicted(self, inputs: Shaped[ndarray, " N *shape"]) -> list[str]:
        """Return the likeliest class of each item."""
        with torch.inference_mode():
            parts = [self.logits(self._weights, part).argmax(1) for part in torch.split(torch.from_numpy(inputs), 256)]
        return [self.classes[place] for part in parts for place in part.tolist()]

    def to_arrays(self) -> dict[str, Any]:
        """Return the classes and the weights as arrays, by name."""
        names = np.frombuffer("\n".join(self.classes).encode(), dtype=np.uint8)
        return {"classes": names, **{name: weight.numpy() for name, weight in self._weights.items()}}

    @classmethod
    def of_arrays(cls: type[_Kind], arrays: Mapping[str, ndarray]) -> _Kind:
        """Return what `to_arrays` gave."""
        weights = {name: torch.from_numpy(array) for name, array in arrays.items() if name != "classes"}
        return cls(bytes(arrays["classes"]).decode().split("\n"), weights)

    @classmethod
    def _train(cls, weights: Weights, inputs: Tensor, labels: Int64[Tensor, " N"], steps: int) -> None:
        optimizer = torch.optim.Adam(weights.values(), lr=_PEAK)
        epoch, order = 0, permutation(0, 0, len(labels))
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = _PEAK * _pace(step / steps)
            while len(order) < min(cls.batch, len(labels)):
                epoch += 1
                order = torch.cat((order, permutation(0, epoch, len(labels))))
            rows, order = order[: cls.batch], order[cls.batch :]
            optimizer.zero_grad()
            loss = F.cross_entropy(cls.logits(weights, inputs[rows]), labels[rows], label_smoothing=cls.smoothing)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def held_out(classes: Sequence[str | None], *, share: float = 0.1) -> list[int]:
    """Return the places of the first tenth of each class, rounded up, which a classifier is not to be trained on.

    What is of no class is not among them, nor is the one item of a class.
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(classes):
        if name is not None:
            places.setdefault(name, []).append(place)
    # A class of one item is trained on, since it can be learned or tested but not both.
    firsts = (found[: -int(-len(found) * share // 1)] for found in places.values() if len(found) > 1)
    return sorted(place for found in firsts for place in found)


def _weight(name: str, *shape: int) -> Float[Tensor, "*shape"]:
    fan_in = int(np.prod(shape[1:]))
    draws = Noise(0, torch.arange(shape[0])).normal(f"classifier/{name}", 0, fan_in)
    scale: float = (2 / fan_in) ** 0.5
    return (scale * draws).view(shape)


def _pace(done: float) -> float:
    """Return the learning rate as a share of its peak, at a share of the training: it rises and falls in two lines."""
    return min(done / _RISE + 0.02, (1 - done) / (1 - _RISE))
