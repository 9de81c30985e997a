from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from numpy import ndarray
from torch import Tensor

from genwright import classifier
from genwright.classifier import Weights, held_out
from genwright.generation import threads


@final
class Straight(classifier.Classifier):
    """One linear layer."""

    steps: ClassVar[int] = 40

    @staticmethod
    def shapes(classes: int) -> Mapping[str, tuple[int, ...]]:
        return {"only": (classes, 3)}

    @staticmethod
    def logits(weights: Weights, inputs: Float32[Tensor, "B 3"]) -> Float[Tensor, "B K"]:
        return F.linear(inputs, weights["only"], weights["only/offset"])


@final
class Smooth(classifier.Classifier):
    """The same, with the chance of a class shared out among all."""

    steps: ClassVar[int] = 400
    smoothing: ClassVar[float] = 0.5
    shapes = Straight.shapes
    logits = Straight.logits


def points(count: int, *, seed: int) -> tuple[ndarray, list[str]]:
    """Return points around two corners, and the name of the nearer one."""
    random = np.random.default_rng(seed)
    names = [("far", "near")[int(place)] for place in random.integers(2, size=count)]
    corners = np.array([[1.0 if name == "far" else -1.0] * 3 for name in names])
    return (corners + 0.3 * random.normal(size=(count, 3))).astype(np.float32), names


def test_it_learns_to_tell_classes_apart() -> None:
    found = Straight.trained(*points(400, seed=0))
    rows, names = points(200, seed=1)
    assert found.classes == ("far", "near")
    assert np.mean([a == b for a, b in zip(found.predicted(rows), names, strict=True)]) > 0.95


def test_steps_that_are_given_count_more_than_the_usual() -> None:
    given, usual, other = (Straight.trained(*points(50, seed=0), steps=steps) for steps in (40, None, 0))
    assert given.to_arrays()["only"].tobytes() == usual.to_arrays()["only"].tobytes()
    assert not other.to_arrays()["only/offset"].any()
    assert usual.to_arrays()["only/offset"].any()


def test_smoothing_keeps_it_from_being_sure() -> None:
    rows, names = points(400, seed=0)
    sure, unsure = (
        np.abs(kind.trained(rows, names, steps=400).to_arrays()["only"]).sum() for kind in (Straight, Smooth)
    )
    assert unsure < 0.7 * sure


def test_training_again_gives_the_same_weights() -> None:
    one, other = (Straight.trained(*points(80, seed=0), steps=8).to_arrays() for _ in range(2))
    assert {name: array.tobytes() for name, array in one.items()} == {n: a.tobytes() for n, a in other.items()}


def test_training_takes_one_thread_and_leaves_as_many_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    logits = Straight.logits

    def counted(weights: Weights, inputs: Tensor) -> Tensor:
        seen.append(torch.get_num_threads())
        return logits(weights, inputs)

    monkeypatch.setattr(Straight, "logits", staticmethod(counted))
    with threads(3):
        Straight.trained(*points(80, seed=0), steps=2)
        assert torch.get_num_threads() == 3
    assert seen == [1, 1]


def test_fewer_items_than_a_batch_are_enough() -> None:
    rows, names = points(5, seed=0)
    assert set(Straight.trained(rows, names, steps=3).predicted(rows)) <= {"far", "near"}


def test_it_comes_back_from_its_arrays() -> None:
    found = Straight.trained(*points(80, seed=0), steps=4)
    again = Straight.of_arrays(found.to_arrays())
    rows, _ = points(300, seed=1)
    assert again.classes == found.classes
    assert again.predicted(rows) == found.predicted(rows)


def test_the_first_tenth_of_each_class_is_held_out() -> None:
    assert held_out(["a"] * 20 + [None] + ["b"] * 5 + ["c"]) == [0, 1, 21]
    assert held_out([]) == []


@pytest.mark.parametrize(("share", "expected"), [(0.5, [0, 1]), (0.25, [0])])
def test_another_share_is_held_out(share: float, expected: list[int]) -> None:
    assert held_out(["a"] * 4, share=share) == expected
