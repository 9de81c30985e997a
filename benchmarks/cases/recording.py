"""What recording costs beside generating, and where the rest of the time goes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import Any, final

from benchmarks.clock import Repeated, interleaved
from benchmarks.row import Row, at_most
from benchmarks.setting import Setting
from genwright import generate, library, open_store, use
from genwright.generation import ROWS, Generation
from genwright.model import Model
from genwright.registry import registry

__all__ = ["TESTS", "rows"]

TESTS = ("tests/core/test_recording.py", "tests/core/test_generation.py", "tests/storage")

_SECTION = "recording"


def rows(setting: Setting) -> Iterator[Row]:
    """Yield the cost of the store by two measurements, then the parts of generating."""
    model = Model.load(library.find(setting.model, registry()), registry())
    count = setting.scaled(10_000, 2_000)
    recorded = _Recorded(model, count, setting)
    seconds = interleaved(
        {"without": lambda: generate(model, count, seed=setting.seed, store=False), "with": recorded},
        repetitions=setting.scaled(5, 3),
    )
    yield _inside(recorded, count)
    yield _between(seconds, count)
    yield from _parts(model, count, setting)


def _inside(recorded: _Recorded, count: int) -> Row:
    shares = Repeated(tuple(100 * spent / (total - spent) for spent, total in recorded.seconds))
    return Row(
        section=_SECTION,
        name=f"processor time within the store, of {count:,} molecules' without it",
        value=shares.median,
        unit="%",
        spread=shares.spread,
        target=at_most(2.0),
        note=f"On the clock {Repeated(tuple(recorded.waits)).median:.2f} s, most of it until data are on the disk.",
    )


def _between(seconds: dict[str, Repeated], count: int) -> Row:
    pairs = zip(seconds["with"].values, seconds["without"].values, strict=True)
    more = Repeated(tuple(100 * (a / b - 1) for a, b in pairs))
    return Row(
        section=_SECTION,
        name=f"processor time of {count:,} molecules with the store, more than without, in turns",
        value=more.median,
        unit="%",
        spread=more.spread,
        note="The same by subtraction, so that it varies by as much as the two, which are a hundred times its size.",
    )


def _parts(model: Model[Any], count: int, setting: Setting) -> Iterator[Row]:
    """Yield how long the parts of generating take: drawing, and what is then found out about each item."""
    domain = model.domain
    drawn: dict[str, list[Any]] = {}
    # Of two seeds, since a molecule that is met again is not read again.
    for seed, sampler in enumerate(("grammar", "temperature"), setting.seed):
        generation = Generation(model=model, sampler=use(sampler), where={}, seed=seed, rows=ROWS, registry=registry())
        taken, drawn[sampler] = _timed(lambda generation=generation: list(generation.items(range(count))))  # type: ignore[misc]
        yield _part(f"drawing with {sampler!r}", taken, count)
    spent: dict[str, float] = defaultdict(float)
    for item in drawn["temperature"]:
        for name, function in (("check", domain.check), ("spelling", domain.canonical), ("identity", domain.identity)):
            taken, found = _timed(lambda function=function, item=item: function(item))  # type: ignore[misc]
            spent[name] += taken
            if name == "check" and found is not None:
                break
    for name, taken in spent.items():
        yield _part({"spelling": "canonical spelling", "identity": "InChIKey"}.get(name, name), taken, count)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def _part(name: str, taken: float, count: int) -> Row:
    return Row(section=_SECTION, name=f"part: {name}", value=1e6 * taken / count, unit="CPU-µs a molecule")


@final
class _Recorded:
    """Generates into a new store each time it is called, and notes how long was spent within that.

    seconds: processor time within the store and in all, of each call
    waits:   time on the clock within the store
    """

    def __init__(self, model: Model[Any], count: int, setting: Setting) -> None:
        self.model, self.count, self.setting = model, count, setting
        self.seconds: list[tuple[float, float]] = []
        self.waits: list[float] = []

    def __call__(self) -> None:
        path: Path = self.setting.scratch / f"recording{len(self.seconds)}.sqlite"
        spent: dict[str, float] = defaultdict(float)
        start = time.process_time()
        with closing(open_store(f"sqlite:///{path}")) as store:
            generate(self.model, self.count, seed=self.setting.seed, store=_Timed(store, spent))
        self.seconds.append((spent["processor"], time.process_time() - start))
        self.waits.append(spent["clock"])


class _Timed:
    """A store whose every call is timed."""

    def __init__(self, inner: Any, spent: dict[str, float]) -> None:
        self._inner, self._spent = inner, spent

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._of(found) if callable(found) else found

    def _of(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def timed(*arguments: Any, **named: Any) -> Any:
            processor, clock = time.process_time(), time.perf_counter()
            try:
                return method(*arguments, **named)
            finally:
                self._spent["processor"] += time.process_time() - processor
                self._spent["clock"] += time.perf_counter() - clock

        return timed
