from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from genwright.engines.local import Local
from genwright.errors import OptionError, UsageError
from genwright.generation import Generation
from genwright.model import Model
from genwright.recipe import use
from genwright.registry import Registry

MANY = 1100
"""More than the engine draws in this process whatever the number of workers."""


@pytest.fixture
def generation(toys: Registry, toy_model: Model[str]) -> Generation[str]:
    return Generation(model=toy_model, sampler=use("temperature"), where={}, seed=3, rows=8, registry=toys)


def test_one_worker_draws_what_the_generation_draws(generation: Generation[str]) -> None:
    assert list(Local().samples(generation, "run", [4, 2, 9])) == list(generation.samples("run", [4, 2, 9]))


def test_workers_are_one_or_more() -> None:
    with pytest.raises(OptionError, match="engine 'local' takes workers of 1 or more; got 0"):
        Local(workers=0)


def test_workers_need_a_checkpoint_to_load(generation: Generation[Any]) -> None:
    in_training = replace(generation, model=replace(generation.model, checkpoint=None))
    with pytest.raises(UsageError, match=r"this one has none\. Use workers=1"):
        list(Local(workers=2).samples(in_training, "run", range(MANY)))
