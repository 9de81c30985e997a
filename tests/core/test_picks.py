from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from genwright.errors import UnknownName
from genwright.memory import MemoryStore
from genwright.picks import everything, picked, sampled
from genwright.run import Run
from genwright.testing.stores import make_record, make_run


def put(store: MemoryStore, indices: range, *, state: str = "finished", **changes: object) -> Run:
    run = make_run(**{"planned": len(indices), **changes})
    store.put_run(run)
    store.put_samples([make_record(run, index) for index in indices])
    store.finish_run(run.id, state)  # type: ignore[arg-type]
    return run


def test_runs_of_one_model_come_in_a_row_and_those_without_samples_not_at_all(store: MemoryStore) -> None:
    models = ["aa", "bb", "aa", "bb"]
    runs = [put(store, range(3), checkpoint=model * 32) for model in models]
    put(store, range(0), kind="train")
    those = picked(store, None)
    assert [store.run(id).checkpoint[:2] for id in those.runs] == ["aa", "aa", "bb", "bb"]
    assert those.total == 12
    assert {record.run for record in everything(store, those)} == {run.id for run in runs}
    assert picked(store, runs[0].id).runs == [runs[0].id]


def test_a_run_that_is_not_there_is_unknown(store: MemoryStore) -> None:
    with pytest.raises(UnknownName, match="no run named 'feed'"):
        picked(store, "feed")


def test_a_choice_at_random_is_the_same_for_a_seed_and_another_for_another(store: MemoryStore) -> None:
    for _ in range(3):
        put(store, range(20))
    those = picked(store, None)
    chosen = {seed: [record.id for record in sampled(store, those, 10, seed)] for seed in (1, 1, 2)}
    assert chosen[1] == [record.id for record in sampled(store, those, 10, 1)]
    assert chosen[1] != chosen[2]
    assert len(set(chosen[1])) == 10


def test_every_sample_is_as_likely_also_of_runs_that_did_not_finish(store: MemoryStore) -> None:
    put(store, range(4))
    put(store, range(6, 9), state="interrupted", planned=10**9)
    those = picked(store, None)
    assert those.total == 7
    counts = Counter(record.id for seed in range(700) for record in sampled(store, those, 2, seed))
    assert len(counts) == 7
    assert all(140 < count < 260 for count in counts.values()), counts


def test_more_than_there_are_is_all_of_them(store: MemoryStore) -> None:
    put(store, range(4))
    those = picked(store, None)
    assert [record.index for record in sampled(store, those, 10**12, 1)] == [0, 1, 2, 3]


def test_a_choice_keeps_no_more_than_it_takes(store: MemoryStore) -> None:
    run = put(store, range(3))
    store._runs[run.id] = replace(store.run(run.id), planned=10**15)
    with pytest.warns(UserWarning, match=r"finished, so it had sample \d+, which the store does not have"):
        assert list(sampled(store, picked(store, run.id), 5, 1)) == []
