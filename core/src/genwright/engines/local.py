"""Drawing on this machine, in this process or in several."""

from __future__ import annotations

import itertools
import multiprocessing
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, final

from genwright.errors import GenwrightError, OptionError, UsageError, shown
from genwright.generation import Generation
from genwright.kernels.policy import Policy
from genwright.kernels.record import Chosen, add
from genwright.model import Model
from genwright.recipe import Component
from genwright.registry import registry
from genwright.samples import Sample

__all__ = ["Local"]

_CHUNK = 1024
_MOST_WORKERS = 1024


@final
class Local:
    """Draws on this machine.

    workers: processes that draw; 1 for this process alone. Each loads the model, which takes some seconds
    """

    def __init__(self, *, workers: int = 1) -> None:
        if not 1 <= workers <= _MOST_WORKERS:
            raise OptionError(
                f"engine 'local' takes workers from 1 to {_MOST_WORKERS:,}; got {shown(workers)}. "
                "As many as there are cores are enough."
            )
        self.workers = workers

    def samples(self, generation: Generation[Any], run: str, indices: Sequence[int]) -> Iterator[Sample[Any]]:
        """Yield the samples of these indices, in their order."""
        if self.workers == 1 or len(indices) <= _CHUNK:
            yield from generation.samples(run, indices)
            return
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            self.workers, mp_context=context, initializer=_begin, initargs=(_plan(generation),)
        ) as pool:
            try:
                yield from self._drawn(pool, run, indices, generation.chosen)
            except BrokenProcessPool as error:
                raise GenwrightError(
                    f"engine 'local' draws with {self.workers} processes; one of them was ended from outside, "
                    "as happens where memory runs out. Take fewer workers; what was recorded is safe."
                ) from error
            finally:
                pool.shutdown(cancel_futures=True)

    def _drawn(
        self, pool: ProcessPoolExecutor, run: str, indices: Sequence[int], chosen: Chosen
    ) -> Iterator[Sample[Any]]:
        """Yield the samples chunk by chunk, a few chunks ahead and no more, so that memory stays constant."""
        chunks = (list(indices[start : start + _CHUNK]) for start in range(0, len(indices), _CHUNK))
        waiting: deque[Future[tuple[list[Sample[Any]], Chosen]]] = deque()
        waiting.extend(pool.submit(_draw, run, chunk) for chunk in itertools.islice(chunks, 2 * self.workers))
        while waiting:
            samples, served = waiting.popleft().result()
            add(chosen, served)
            yield from samples
            waiting.extend(pool.submit(_draw, run, chunk) for chunk in itertools.islice(chunks, 1))


def _plan(generation: Generation[Any]) -> Mapping[str, Any]:
    """Return as plain data from what a worker makes the same generation."""
    if generation.model.checkpoint is None:
        raise UsageError("several workers each load the model from its checkpoint; this one has none. Use workers=1.")
    return {
        "folder": str(generation.model.checkpoint.folder),
        "sampler": generation.sampler.to_json(),
        "where": dict(generation.where),
        "seed": generation.seed,
        "rows": generation.rows,
        "precision": generation.precision,
        "device": generation.device,
        "threads": generation.threads,
        "kernels": generation.kernels.to_json(),
    }


_generation: Generation[Any]


def _begin(plan: Mapping[str, Any]) -> None:
    """Make the generation once in each worker."""
    global _generation
    _generation = Generation(
        model=Model.load(plan["folder"], registry(), device=plan["device"]),
        sampler=Component.read(plan["sampler"]),
        where=plan["where"],
        seed=plan["seed"],
        rows=plan["rows"],
        registry=registry(),
        precision=plan["precision"],
        threads=plan["threads"],
        kernels=Policy.from_json(plan["kernels"]),
    )


def _draw(run: str, indices: list[int]) -> tuple[list[Sample[Any]], Chosen]:
    return list(_generation.samples(run, indices)), _generation.chosen
