"""What rules take."""

from __future__ import annotations

import math

import pytest

from genwright.errors import OptionError
from genwright.kernels.sample_logits.rule import Rule, usable


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature is 0.001 or more; got 0.0.*use the sampler 'greedy'"),
        ({"temperature": math.nan}, "temperature is 0.001 or more; got nan"),
        ({"k": 0}, "top-k takes k of 1 or more; got 0. For all,"),
        ({"p": 0.0}, "p is above 0 and at most 1; got 0.0. Try p=0.95"),
        ({"p": math.nan}, "p is above 0 and at most 1; got nan"),
        ({"least": 1.5}, "p is above 0 and at most 1; got 1.5"),
    ],
)
def test_numbers_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Rule(**options)  # type: ignore[arg-type]


def test_advice_is_that_of_who_asks() -> None:
    assert usable("heat", 0.001) == 0.001
    with pytest.raises(OptionError, match=r"heat is 0\.001 or more; got inf\. Cool it"):
        usable("heat", math.inf, "Cool it.")
