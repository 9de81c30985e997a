from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genwright.backbones.dit import axial_rotation, dit
from genwright.errors import MismatchError, OptionError
from genwright.kernels.rotary_cache.reference import rotate
from genwright.space import ConditionSpace, Continuous, SampleSpace, Tokens
from genwright.testing.networks import asked, shaken

CONDITIONS = ConditionSpace(scalars={"size": (0.0, 1.0)}, labels={"colour": ("red", "green")})
IMAGES = Continuous(shape=(3, 8, 12), axes=("C", "Y", "X"))
WAVES = Continuous(shape=(2, 20), axes=("C", "T"))
CODES = Tokens(vocab_size=5, shape=(4, 6))
TEXT = Tokens(vocab_size=5, shape=(9,))
LEVEL = torch.tensor([0.3, 0.7])
SETTINGS: list[tuple[SampleSpace, dict[str, Any]]] = [
    (IMAGES, {}),
    (IMAGES, {"patch": 4, "activation": "swiglu"}),
    (WAVES, {"patch": 5}),
    (CODES, {"activation": "swiglu"}),
    (TEXT, {}),
]


def network(space: SampleSpace, **options: Any) -> nn.Module:
    """A network all of whose weights matter; those that end a block begin at zero."""
    role: Any = "unmask" if isinstance(space, Tokens) else "denoise"
    chosen = {"width": 16, "depth": 2, "heads": 2, "expansion": 2} | options
    return shaken(dit(space=space, conditions=CONDITIONS, role=role, **chosen), by=0.3).eval().requires_grad_(False)


def given(space: SampleSpace) -> tuple[Tensor, ...]:
    """What a network is called with, apart from the condition. Some tokens are masked."""
    generator = torch.Generator().manual_seed(1)
    if isinstance(space, Tokens):
        return (torch.randint(0, space.vocab_size + 1, (2, *space.shape), generator=generator),)
    return torch.randn(2, *space.shape, generator=generator), LEVEL


@pytest.fixture(params=SETTINGS, ids=["images", "coarse-swiglu", "waves", "codes-swiglu", "text"])
def setting(request: pytest.FixtureRequest) -> tuple[SampleSpace, dict[str, Any]]:
    chosen: tuple[SampleSpace, dict[str, Any]] = request.param
    return chosen


def test_numbers_come_back_as_they_went_in_and_tokens_as_logits(setting: tuple[SampleSpace, dict[str, Any]]) -> None:
    space, options = setting
    found = network(space, **options)(*given(space), asked())
    assert found.shape == ((2, *space.shape, 5) if isinstance(space, Tokens) else (2, *space.shape))
    assert found.isfinite().all()
    assert found.std() > 0.1


def test_what_is_asked_for_acts_alone_and_rows_do_not_meet(setting: tuple[SampleSpace, dict[str, Any]]) -> None:
    space, options = setting
    made, (x, *rest) = network(space, **options), given(space)
    before = made(x, *rest, asked())
    assert (made(x, *rest, asked(scalar=1.0)) - before).abs().max() > 1e-3
    assert (made(x, *rest, asked(label=0)) - made(x, *rest, asked(label=1))).abs().max() > 1e-3
    changed = x.clone()
    changed[1] = x[0]
    assert torch.equal(made(changed, *rest, asked())[0], before[0])


def test_the_level_of_noise_acts() -> None:
    made, (x, level) = network(IMAGES), given(IMAGES)
    assert (made(x, level + 0.1, asked()) - made(x, level, asked())).abs().max() > 1e-3


def test_every_place_sees_every_other(setting: tuple[SampleSpace, dict[str, Any]]) -> None:
    """Not those before it alone, as where a transformer is causal."""
    space, options = setting
    made, (x, *rest) = network(space, **options), given(space)
    before = made(x, *rest, asked())[0].flatten(1 - isinstance(space, Tokens))
    for corner in (0, -1):
        changed = x.clone()
        changed[0].view(-1)[corner] = (x[0].view(-1)[corner] + 1) % 5
        after = made(changed, *rest, asked())[0].flatten(1 - isinstance(space, Tokens))
        assert ((after - before).abs() > 0).all(-1 if isinstance(space, Tokens) else 0).all()


@pytest.mark.parametrize("space", [IMAGES, TEXT], ids=["images", "text"])
def test_a_new_network_gives_zeros(space: SampleSpace) -> None:
    role: Any = "unmask" if isinstance(space, Tokens) else "denoise"
    made = dit(space=space, conditions=CONDITIONS, role=role, width=16, depth=2, heads=2)
    found = made(*given(space), asked())
    assert torch.equal(found, torch.zeros_like(found))


def test_a_new_block_learns_with_the_matrices_that_end_it_and_after_a_step_with_all() -> None:
    """Were gates zero beside matrices of zeros, neither would ever move."""
    torch.manual_seed(0)
    made = dit(space=IMAGES, conditions=CONDITIONS, role="denoise", width=16, depth=2, heads=2)
    optimizer = torch.optim.SGD(made.parameters(), lr=0.5)
    for _ in range(4):
        optimizer.zero_grad()
        (made(*given(IMAGES), asked(scalar=0.3, label=1)) - 1).square().mean().backward()
        optimizer.step()
    for name, parameter in made.named_parameters():
        if not name.endswith("unasked"):
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().max() > 0, name


def test_rotations_turn_by_the_difference_of_rows_and_of_columns() -> None:
    """So a product of two places is the same wherever the pair lies, and another for another difference."""
    cosine, sine = (part.double().view(6, 7, 8) for part in axial_rotation((6, 7), 8))
    q, k = torch.randn(2, 1, 1, 8, generator=torch.Generator().manual_seed(1)).double()

    def product(one: tuple[int, int], other: tuple[int, int]) -> float:
        return float((rotate(q, cosine[one], sine[one]) * rotate(k, cosine[other], sine[other])).sum())

    assert product((0, 1), (2, 4)) == pytest.approx(product((3, 3), (5, 6)), abs=1e-6)
    differences = {(y, x): round(product((2, 3), (2 + y, 3 + x)), 6) for y in range(-2, 4) for x in range(-3, 4)}
    assert len(set(differences.values())) == 42


def test_rotations_of_one_axis_are_those_of_the_causal_transformer() -> None:
    from genwright.backbones.transformer import rotation

    assert all(torch.equal(a, b) for a, b in zip(axial_rotation((9,), 8), rotation(9, 8), strict=True))


@pytest.mark.parametrize(
    ("space", "options", "error", "message"),
    [
        (Continuous(shape=(4,), axes=("C",)), {}, MismatchError, r"got continuous of shape \(4,\)\. For a vector"),
        (Tokens(vocab_size=3, shape=(3, 4, 4)), {}, MismatchError, r"got tokens of shape \(3, 4, 4\)"),
        (IMAGES, {"patch": 3}, OptionError, r"patch divides every axis; got patch=3 for the shape \(3, 8, 12\)"),
        (IMAGES, {"patch": 0}, OptionError, "are 1 or more; got .*patch=0"),
        (IMAGES, {"depth": 0}, OptionError, "depth=0"),
        (IMAGES, {"width": 20, "heads": 2}, OptionError, "2 axes needs width = heads x a multiple of 4; got width=20"),
        (TEXT, {"width": 18, "heads": 6}, OptionError, "1 axes needs width = heads x a multiple of 2; got width=18"),
    ],
)
def test_what_cannot_be_is_refused(
    space: SampleSpace, options: dict[str, int], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        network(space, **options)
