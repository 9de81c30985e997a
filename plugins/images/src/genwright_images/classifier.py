"""A small network that tells the classes of images apart, trained where it is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from numpy import ndarray
from torch import Tensor

from genwright.seeds import Noise, permutation
from genwright_images.thumbnails import SIDE

__all__ = ["Classifier", "held_out"]

# Two and a half rounds through 60,000 images; small sets are gone through more often, for the same time.
_STEPS, _BATCH = 2_400, 64
_PEAK, _RISE = 3e-3, 0.25
_LAYERS: Mapping[str, tuple[int, ...]] = {
    "first": (16, 3, 5, 5),
    "second": (32, 16, 3, 3),
    "third": (64, 32 * (SIDE // 4) ** 2),
}
_Weights = Mapping[str, Tensor]


@final
class Classifier:
    """Two convolutions and two linear layers that see images at 32 x 32 pixels.

    classes: the names of the classes, in the order of the logits
    """

    def __init__(self, classes: Sequence[str], weights: _Weights) -> None:
        self.classes = tuple(classes)
        self._weights = dict(weights)

    @classmethod
    def trained(cls, pixels: UInt8[ndarray, "N 32 32 3"], classes: Sequence[str], *, steps: int = _STEPS) -> Classifier:
        """Return a classifier trained on images of these classes: always the same from the same, on one machine."""
        names = sorted(set(classes))
        labels = torch.tensor([names.index(name) for name in classes])
        weights = {name: _weight(name, *shape).requires_grad_() for name, shape in _shapes(len(names)).items()}
        offsets = {f"{name}/offset": torch.zeros(len(w), requires_grad=True) for name, w in weights.items()}
        weights |= offsets
        _train(weights, torch.from_numpy(pixels), labels, steps)
        return cls(names, {name: weight.detach() for name, weight in weights.items()})

    def predicted(self, pixels: UInt8[ndarray, "N 32 32 3"]) -> list[str]:
        """Return the likeliest class of each image."""
        with torch.inference_mode():
            parts = [_logits(self._weights, part).argmax(1) for part in torch.split(torch.from_numpy(pixels), 256)]
        return [self.classes[place] for part in parts for place in part.tolist()]

    def to_arrays(self) -> dict[str, Any]:
        """Return the classes and the weights as arrays, by name."""
        names = np.frombuffer("\n".join(self.classes).encode(), dtype=np.uint8)
        return {"classes": names, **{name: weight.numpy() for name, weight in self._weights.items()}}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, ndarray]) -> Classifier:
        """Return what `to_arrays` gave."""
        weights = {name: torch.from_numpy(array) for name, array in arrays.items() if name != "classes"}
        return cls(bytes(arrays["classes"]).decode().split("\n"), weights)


def held_out(classes: Sequence[str | None], *, share: float = 0.1) -> list[int]:
    """Return the places of the first tenth of each class, rounded up, which a classifier is not to be trained on."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(classes):
        if name is not None:
            places.setdefault(name, []).append(place)
    # A class of one image is trained on, since it can be learned or tested but not both.
    firsts = (found[: -int(-len(found) * share // 1)] for found in places.values() if len(found) > 1)
    return sorted(place for found in firsts for place in found)


def _shapes(classes: int) -> Mapping[str, tuple[int, ...]]:
    return {**_LAYERS, "last": (classes, _LAYERS["third"][0])}


def _weight(name: str, *shape: int) -> Float[Tensor, "*shape"]:
    fan_in = int(np.prod(shape[1:]))
    draws = Noise(0, torch.arange(shape[0])).normal(f"classifier/{name}", 0, fan_in)
    scale: float = (2 / fan_in) ** 0.5
    return (scale * draws).view(shape)


def _train(weights: _Weights, pixels: UInt8[Tensor, "N 32 32 3"], labels: Int64[Tensor, " N"], steps: int) -> None:
    optimizer = torch.optim.Adam(weights.values(), lr=_PEAK)
    epoch, order = 0, permutation(0, 0, len(labels))
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = _PEAK * _pace(step / steps)
        while len(order) < min(_BATCH, len(labels)):
            epoch += 1
            order = torch.cat((order, permutation(0, epoch, len(labels))))
        rows, order = order[:_BATCH], order[_BATCH:]
        optimizer.zero_grad()
        F.cross_entropy(_logits(weights, pixels[rows]), labels[rows]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def _pace(done: float) -> float:
    """Return the learning rate as a share of its peak, at a share of the training: it rises and falls in two lines."""
    return min(done / _RISE + 0.02, (1 - done) / (1 - _RISE))


def _logits(w: _Weights, pixels: UInt8[Tensor, "B 32 32 3"]) -> Float[Tensor, "B K"]:
    x = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1
    x = F.conv2d(x, w["first"], w["first/offset"], stride=2, padding=2).relu()
    x = F.max_pool2d(F.conv2d(x, w["second"], w["second/offset"], padding=1).relu(), 2)
    x = F.linear(x.flatten(1), w["third"], w["third/offset"]).relu()
    return F.linear(x, w["last"], w["last/offset"])
