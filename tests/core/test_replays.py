from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genwright.memory import MemoryStore
from genwright.replays import _detail, _has, replays_of, scores_of
from genwright.store import Score
from genwright.testing.stores import make_run
from genwright.verdict import Verdict


@given(st.sets(st.integers(0, 60)), st.integers(0, 60))
def test_indices_that_are_written_down_are_found_again(indices: set[int], index: int) -> None:
    assert _has(_detail(indices, ""), index) == (index in indices)


@pytest.mark.parametrize(
    ("indices", "text", "detail"),
    [
        (range(1024), "", "0-1023"),
        ([20, 3, 18, 17, 19], "", "3,17-20"),
        ([7], "two: parts", "7: two: parts"),
        ([7], "a \0 and \ud800", r"7: a \0 and \ud800"),
    ],
)
def test_indices_in_a_row_are_written_as_one(indices: list[int], text: str, detail: str) -> None:
    assert _detail(indices, text) == detail


def test_samples_of_which_the_same_is_told_have_one_score() -> None:
    run = make_run().id
    outcomes = ["identical", "identical", "not repeatable", "identical", "not repeatable", "different"]
    verdicts = [
        Verdict(sample=f"{run}/{index}", outcome=outcome, reason="" if outcome == "identical" else f"why {outcome}")
        for index, outcome in enumerate(outcomes)
    ]
    assert scores_of(verdicts) == [
        Score(metric="replay/identical", value=3, detail="0-1,3"),
        Score(metric="replay/not repeatable", value=2, detail="2,4: why not repeatable"),
        Score(metric="replay/different", value=1, detail="5: why different"),
    ]


def test_the_replays_of_a_sample_are_found_newest_first_with_their_drift() -> None:
    store, run = MemoryStore(), make_run()
    changed = replace(run.environment, threads=9)
    old = make_run(kind="replay", parent=run.id, environment=changed)
    new, other = make_run(kind="replay", parent=run.id), make_run(kind="replay", parent="5f" * 16)
    for each, detail in ((run, ""), (old, "2-4: largest: 3"), (new, "0,3"), (other, "3")):
        store.put_run(each)
        store.put_scores(each.id, [Score(metric="replay/different", value=1, detail=detail)])
    store.put_scores(old.id, [Score(metric="replay/identical", value=30), Score(metric="speed", value=3, detail="3")])
    found = list(replays_of(store, run, 3))
    assert [(replay.run, replay.when, replay.outcome, replay.detail) for replay in found] == [
        (new.id, new.started, "different", ""),
        (old.id, old.started, "different", "largest: 3"),
    ]
    assert [replay.drift for replay in found] == [(), ("threads was 2, is 9",)]
    assert list(replays_of(store, run, 5)) == []
