"""Shapes and types in signatures are checked while the tests run, in core and in every plugin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jaxtyping
import numpy as np
import pytest
import torch

from genwright.discrepancy import mean_of_pairs
from genwright.readings import Condition
from genwright.seeds import Noise
from genwright_molecules.fingerprints import mean_similarities


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (Noise(0, torch.arange(3)).uniform, ("x", torch.zeros(2, 2, dtype=torch.int64), 1)),
        (lambda prefix: replace(Condition.none(2), prefix=prefix), (torch.zeros(3, 1, dtype=torch.int64),)),
        (mean_of_pairs, (np.zeros((2, 3)),)),
        (mean_similarities, (np.zeros((2, 127), dtype=np.uint8),)),
    ],
    ids=["seeds", "readings", "core", "molecules"],
)
def test_a_tensor_of_another_shape_or_type_is_refused(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="typechecking parameter"):
        function(*arguments)
