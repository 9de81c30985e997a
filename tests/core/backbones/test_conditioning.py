from __future__ import annotations

import torch
from torch import Tensor

from genwright.backbones.conditioning import Conditioning, Contouring
from genwright.readings import Condition
from genwright.space import WORDS, ConditionSpace

SPACE = ConditionSpace(scalars={"a": (10.0, 2.0), "b": (0.0, 1.0)}, labels={"colour": ("red", "green", "blue")})


def shaken(space: ConditionSpace = SPACE) -> Conditioning:
    made = Conditioning(space, width=6)
    generator = torch.Generator().manual_seed(3)
    for parameter in made.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return made.requires_grad_(False)


def vector(made: Conditioning, a: float = torch.nan, b: float = torch.nan, label: int = -1) -> Tensor:
    prefix = torch.empty(1, 0, dtype=torch.int64)
    found: Tensor = made(Condition(scalars=torch.tensor([[a, b]]), labels=torch.tensor([[label]]), prefix=prefix))
    return found[0]


def test_what_is_not_asked_for_has_vectors_of_its_own() -> None:
    made = shaken()
    expected = made.unasked.sum(0) + made.labels[0].weight[0]
    assert torch.allclose(vector(made), expected, atol=1e-6)
    assert vector(made).isfinite().all()


def test_each_part_is_added_by_itself() -> None:
    made = shaken()
    whole = vector(made, a=11.0, b=-0.5, label=2) - vector(made)
    parts = [vector(made, a=11.0), vector(made, b=-0.5), vector(made, label=2)]
    assert torch.allclose(whole, torch.stack([part - vector(made) for part in parts]).sum(0), atol=1e-5)


def test_a_scalar_is_seen_in_deviations_from_the_mean_of_the_training_data() -> None:
    one = shaken()
    other = shaken(ConditionSpace(scalars={"a": (0.0, 1.0), "b": (0.0, 1.0)}, labels=SPACE.labels))
    assert torch.allclose(vector(one, a=13.0), vector(other, a=1.5), atol=1e-6)


def test_near_values_are_told_apart_and_far_ones_are_cut() -> None:
    made = shaken()
    assert (vector(made, b=0.1) - vector(made, b=0.2)).norm() > 0.05
    assert torch.equal(vector(made, b=3.5), vector(made, b=90.0))
    assert torch.equal(vector(made, b=-3.5), vector(made, b=-90.0))


def test_each_label_has_a_vector() -> None:
    made = shaken()
    vectors = {tuple(vector(made, label=label).tolist()) for label in (-1, 0, 1, 2)}
    assert len(vectors) == 4


def test_a_model_without_conditions_gets_zeros() -> None:
    made = shaken(ConditionSpace())
    assert torch.equal(made(Condition.none(3)), torch.zeros(3, 6))


def told(made: Conditioning, *words: int) -> Tensor:
    labels = torch.tensor([[*words, *[-1] * (WORDS - len(words))]])
    prefix = torch.empty(1, 0, dtype=torch.int64)
    found: Tensor = made(Condition(scalars=torch.zeros(1, 0), labels=labels, prefix=prefix))
    return found[0]


def test_a_text_weighs_the_same_however_few_words_it_has() -> None:
    """Words were once averaged with the places that had none, so that those of short texts were hardly seen."""
    made = shaken(ConditionSpace(texts={"caption": ("red", "heart", "dog")}))
    nothing, red, heart, dog = made.texts[0].weight
    assert torch.allclose(told(made), nothing)
    assert torch.allclose(told(made, 0), red)
    assert torch.allclose(told(made, 2, 0), (dog + red) / 2**0.5)
    assert torch.allclose(told(made, 0, 1, 2), (red + heart + dog) / 3**0.5)


FOLLOWED = ConditionSpace(contours={"a": (10.0, 2.0), "b": (0.0, 1.0)}, places=4.0)


def following(space: ConditionSpace = FOLLOWED) -> Contouring:
    made = Contouring(space, width=6)
    generator = torch.Generator().manual_seed(3)
    for parameter in made.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator)
    return made.requires_grad_(False)


def contours(*columns: list[float]) -> Tensor:
    return torch.tensor([columns])


def test_a_value_of_a_contour_is_told_where_it_is_and_two_values_before_and_after() -> None:
    made, nothing = following(), torch.full((1, 2, 9), torch.nan)
    for place in range(9):
        moved = nothing.clone()
        moved[0, 1, place] = 0.5
        changed = (made(moved) != made(nothing)).any(2)[0].nonzero()[:, 0].tolist()
        assert changed == [at for at in range(9) if abs(at - place) <= 2]


def test_what_is_not_asked_and_what_is_after_the_end_have_vectors_of_their_own() -> None:
    made, mean = following(ConditionSpace(contours={"b": (0.0, 1.0)}, places=4.0)), [0.0] * 5
    vectors = [made(contours([value] * 5))[0, 2] for value in (torch.nan, torch.inf, 0.0)]
    assert torch.allclose(vectors[0], made.unasked[0, 0].sum(0), atol=1e-5)
    assert torch.allclose(vectors[1], made.ended[0, 0].sum(0), atol=1e-5)
    assert torch.equal(vectors[2], made(contours(mean))[0, 2])
    assert min((one - other).norm() for one in vectors for other in vectors if one is not other) > 0.5


def test_values_are_seen_in_deviations_from_their_mean_and_far_ones_are_cut() -> None:
    one, other = following(), following(ConditionSpace(contours={"a": (0.0, 1.0), "b": (0.0, 1.0)}, places=4.0))
    unasked = [torch.nan] * 3
    assert torch.allclose(one(contours([13.0] * 3, unasked)), other(contours([1.5] * 3, unasked)), atol=1e-5)
    assert torch.equal(one(contours([17.0] * 3, unasked)), one(contours([90.0] * 3, unasked)))
    assert (one(contours([11.0] * 3, unasked)) - one(contours([11.2] * 3, unasked))).norm() > 0.05


def test_each_contour_is_added_by_itself() -> None:
    made, nan = following(), [torch.nan] * 3
    nothing, a, b = contours(nan, nan), contours([9.0] * 3, nan), contours(nan, [0.3] * 3)
    both = made(contours([9.0] * 3, [0.3] * 3)) - made(nothing)
    assert torch.allclose(both, made(a) + made(b) - 2 * made(nothing), atol=1e-4)
