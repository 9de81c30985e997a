"""How long a question to a large store takes, many of them asked in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.clock import Repeated
from benchmarks.row import Row, Target

__all__ = ["asked"]

_ROUNDS = 3


def asked(section: str, name: str, questions: Sequence[Callable[[], object]], *, target: Target, note: str) -> Row:
    """Return the row of the median in milliseconds, of three rounds of the same questions after one that warms up."""
    questions[0]()
    medians, slowest, processor = [], 0.0, []
    for _ in range(_ROUNDS):
        taken, before = [], time.process_time()
        for question in questions:
            start = time.perf_counter()
            question()
            taken.append(1e3 * (time.perf_counter() - start))
        processor.append(1e6 * (time.process_time() - before) / len(questions))
        medians.append(statistics.median(taken))
        slowest = max(slowest, *taken)
    found = Repeated(tuple(medians))
    return Row(
        section=section,
        name=name,
        value=found.median,
        unit="ms",
        spread=found.spread,
        processor=statistics.median(processor),
        target=target,
        note=f"{note} The slowest of {_ROUNDS * len(questions):,} took {slowest:.3g} ms.".strip(),
    )
