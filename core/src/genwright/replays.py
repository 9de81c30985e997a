"""What a store keeps of replays: which samples were drawn again, when, and what came of it.

A replay is a run whose parent is the run that it draws again. Its scores are named "replay/OUTCOME"; each has as its
value how many samples it is of, and as its detail their indices ("0-1023", "3,17-20"), then a colon and what is told of
them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from genwright.run import Run
from genwright.store import Score, Store, split_id

if TYPE_CHECKING:
    from genwright.verdict import Verdict

__all__ = ["Replay", "replays_of", "scores_of"]

_METRIC = "replay/"


@dataclass(frozen=True, kw_only=True)
class Replay:
    """That a sample was drawn again.

    run:    the replay
    when:   it began, in nanoseconds since 1970, UTC
    detail: what differed, or why it could not be drawn; "" if identical
    drift:  what differed between the environments of the sample's run and of the replay
    """

    run: str
    when: int
    outcome: str
    detail: str = ""
    drift: tuple[str, ...] = ()


def scores_of(verdicts: Sequence[Verdict]) -> list[Score]:
    """Return verdicts on samples of one run as scores of their replay, those of which the same is told together."""
    told: dict[tuple[str, str], list[int]] = {}
    for verdict in verdicts:
        detail = "" if verdict.outcome == "identical" else verdict.told
        told.setdefault((verdict.outcome, detail), []).append(split_id(verdict.sample)[1])
    return [
        Score(metric=f"{_METRIC}{outcome}", value=len(indices), detail=_detail(indices, text))
        for (outcome, text), indices in told.items()
    ]


def replays_of(store: Store, run: Run, index: int) -> Iterator[Replay]:
    """Yield the recorded replays of a sample, newest first."""
    for replay in store.runs(kind="replay"):
        if replay.parent != run.id:
            continue
        for score in store.scores(replay.id):
            indices, _, detail = score.detail.partition(":")
            if score.metric.startswith(_METRIC) and _has(indices, index):
                yield Replay(
                    run=replay.id,
                    when=replay.started,
                    outcome=score.metric.removeprefix(_METRIC),
                    detail=detail.strip(),
                    drift=tuple(run.environment.drift(replay.environment)),
                )


def _detail(indices: Iterable[int], text: str) -> str:
    # Indices in a row have the same distance from their place.
    rows = [[i for _, i in row] for _, row in groupby(enumerate(sorted(indices)), key=lambda pair: pair[1] - pair[0])]
    spans = ",".join(f"{row[0]}-{row[-1]}" if len(row) > 1 else str(row[0]) for row in rows)
    # Whatever a text holds, a store keeps its escapes.
    return spans + (f": {text}".encode("utf-8", "backslashreplace").decode().replace("\0", "\\0") if text else "")


def _has(spans: str, index: int) -> bool:
    """Whether an index is among spans such as "3,17-20"; replays of before they were recorded have none."""
    for span in filter(None, spans.split(",")):
        first, _, last = span.partition("-")
        if first.isdecimal() and int(first) <= index <= int(last or first):
            return True
    return False
