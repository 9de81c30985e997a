from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from genwright.errors import UsageError
from genwright.memory import MemoryStore
from genwright.testing.stores import StoreTests, make_record, make_run


class TestMemoryStore(StoreTests):
    @pytest.fixture
    def store(self) -> Iterator[MemoryStore]:
        with closing(MemoryStore()) as store:
            yield store

    def test_a_changed_sample_is_named(self, store: MemoryStore) -> None:
        run = make_run()
        store.put_run(run)
        store.put_samples([make_record(run, index) for index in range(3)])
        store._samples[run.id][1] = replace(store._samples[run.id][1], flaw="bad")
        del store._samples[run.id][2]
        found = {finding.where: finding.trouble for finding in store.verify()}
        assert found == {
            f"sample {run.id}/1": "it was changed after it was put",
            f"sample {run.id}/2": "it is in the ledger and not in the store",
        }


def test_a_store_in_memory_signs_nothing() -> None:
    with pytest.raises(UsageError, match=r"heads are signed by stores in SQL; this one is in memory. Leave out heads"):
        list(MemoryStore().verify(heads=["a head"]))
