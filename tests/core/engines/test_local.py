from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

import pytest

from genwright.engines import local
from genwright.engines.local import Local
from genwright.errors import GenwrightError, OptionError, UsageError
from genwright.generation import Generation
from genwright.model import Model
from genwright.recipe import use
from genwright.registry import Registry

MANY = 1100
"""More than the engine draws in this process whatever the number of workers."""


@pytest.fixture
def generation(toys: Registry, toy_model: Model[str]) -> Generation[str]:
    return Generation(model=toy_model, sampler=use("temperature"), where={}, seed=3, rows=16, registry=toys)


def test_one_worker_draws_what_the_generation_draws(generation: Generation[str]) -> None:
    assert list(Local().samples(generation, "run", [4, 2, 9])) == list(generation.samples("run", [4, 2, 9]))


@pytest.mark.parametrize("workers", [0, -1, 1025, 10**20])
def test_workers_are_one_to_a_thousand(workers: int) -> None:
    with pytest.raises(
        OptionError, match=rf"takes workers from 1 to 1,024; got {workers}\. As many as there are cores"
    ):
        Local(workers=workers)


class Killed(ThreadPoolExecutor):
    """A pool of processes, of which one was ended as the system ends them when memory runs out."""

    def __init__(self, workers: int, **_: Any) -> None:
        super().__init__(workers)

    def submit(self, *_: Any, **__: Any) -> Any:
        raise BrokenProcessPool("A process in the process pool was terminated abruptly")


class InThreads(ThreadPoolExecutor):
    """A pool that begins like one of processes, in this one."""

    def __init__(self, workers: int, *, mp_context: Any, **options: Any) -> None:
        super().__init__(1, **options)


def test_two_workers_draw_what_one_draws_whatever_is_asked_for(
    generation: Generation[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = replace(generation, where={"letters": 3}, sampler=use("top-p", p=0.8), threads=2)
    monkeypatch.setattr(local, "ProcessPoolExecutor", InThreads)
    monkeypatch.setattr(local, "registry", lambda: generation.registry)
    assert list(Local(workers=2).samples(asked, "run", range(MANY))) == list(asked.samples("run", range(MANY)))
    assert (local._generation.threads, local._generation.config()) == (2, asked.config())


def test_a_worker_that_was_killed_ends_in_a_sentence(
    generation: Generation[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genwright.engines.local.ProcessPoolExecutor", Killed)
    with pytest.raises(GenwrightError, match=r"with 2 processes; one of them was ended from outside.* fewer workers"):
        list(Local(workers=2).samples(generation, "run", range(MANY)))


def test_workers_need_a_checkpoint_to_load(generation: Generation[Any]) -> None:
    in_training = replace(generation, model=replace(generation.model, checkpoint=None))
    with pytest.raises(UsageError, match=r"this one has none\. Use workers=1"):
        list(Local(workers=2).samples(in_training, "run", range(MANY)))
