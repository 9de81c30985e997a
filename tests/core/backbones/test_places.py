from __future__ import annotations

import pytest

from genwright.backbones.places import CONVOLUTIONS, laid_out
from genwright.errors import MismatchError
from genwright.space import Continuous, Tokens


def test_numbers_have_channels_before_their_places_and_tokens_have_none() -> None:
    assert laid_out(Continuous(shape=(3, 8, 9), axes=("C", "Y", "X")), backbone="conv") == (8, 9)
    assert laid_out(Continuous(shape=(3, 8), axes=("C", "X")), backbone="conv") == (8,)
    assert laid_out(Tokens(vocab_size=5, shape=(8, 9)), backbone="dit") == (8, 9)


@pytest.mark.parametrize("axes", CONVOLUTIONS)
def test_a_convolution_goes_over_as_many_axes(axes: int) -> None:
    assert CONVOLUTIONS[axes](1, 2, 3).weight.ndim == 2 + axes


@pytest.mark.parametrize("space", [Continuous(shape=(5,), axes=("Z",)), Tokens(vocab_size=2, shape=(2, 2, 2))])
def test_a_vector_and_a_solid_are_refused(space: Tokens | Continuous) -> None:
    with pytest.raises(MismatchError, match=r"^dit works on .* got (continuous|tokens) of shape .*'dense'\.$"):
        laid_out(space, backbone="dit")
