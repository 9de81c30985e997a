"""What a store in SQL does beyond the contract of all stores, whichever database it is in."""

from __future__ import annotations

from contextlib import closing

from genwright.samples import Review
from genwright.store import Score, open_store
from genwright.testing.stores import StoreTests, make_checkpoint, make_record, make_run
from genwright_storage.store import SQLStore


def fill(store: SQLStore, *, large: int = 0) -> None:
    """Put something of everything, in a batch of one run and one of another, and so many large samples in a third."""
    run, other = make_run(id="a" * 32, parent="b" * 32), make_run(id="c" * 32)
    store.put_checkpoint(make_checkpoint())
    for start in (run, other):
        store.put_run(start)
    reviews = (Review(reviewer="policy", passed=False, reason="why"),)
    rich = {"flaw": "a flaw", "reviews": reviews, "parameters": "{}", "prompt": "a prompt"}
    store.put_samples([make_record(run, index, **rich) for index in range(5)])
    store.put_samples([make_record(run, 5 + index, payload=b"x" * 70_000, **rich) for index in range(large)])
    store.put_samples([make_record(other, index) for index in (0, 2, 4)])
    store.put_scores(run.id, [Score(metric="qed", value=0.5, error=0.1, detail="d", index=3)])
    store.finish_run(run.id, "failed", error="an error", notes=["a note"])


class SQLStoreTests(StoreTests):
    def test_what_was_put_is_there_when_it_is_opened_again(self, store: SQLStore) -> None:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, 0, payload=b"x" * 100_000)])
        with closing(open_store(store.url)) as again:
            assert again.run("LAST") == run
            assert list(again.samples()) == [make_record(run, 0, payload=b"x" * 100_000)]
            assert list(again.verify()) == []

    def test_what_one_opening_writes_another_sees(self, store: SQLStore) -> None:
        run = make_run()
        with closing(SQLStore(store.url)) as other:
            store.put_run(run)
            other.put_samples([make_record(run, 0)])
            store.put_samples([make_record(run, 1)])
            assert [record.index for record in other.samples()] == [0, 1]

    def test_what_is_written_while_it_is_verified_is_left_for_the_next_time(self, store: SQLStore) -> None:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, index) for index in range(5000)])
        checked: list[int] = []

        def write(count: int) -> None:
            checked.append(count)
            store.put_samples([make_record(run, 5000 + count)])

        assert list(store.verify(progress=write)) == []
        assert checked[-1] == 5000
