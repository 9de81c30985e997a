from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from genwright.errors import StoreError, UnknownName
from genwright.store import Score
from genwright.testing.stores import make_record, make_run
from genwright_storage import ledger, merkle, reviews
from genwright_storage.actors import current
from genwright_storage.evidence import consistency, prove, subtrees
from genwright_storage.notes import VerifierKey
from genwright_storage.proofs import Proof
from genwright_storage.store import SQLStore
from genwright_storage.tables import log_entry, sample, signing_key


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLStore]:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        store.put_run(make_run(id="a" * 32, planned=10))
        yield store


def keys(store: SQLStore) -> list[VerifierKey]:
    with store.database.reading() as connection:
        return [VerifierKey.parse(text) for text in connection.execute(select(signing_key.c.verifier)).scalars()]


@pytest.mark.parametrize("size", [1, 2, 7, 10])
def test_each_sample_of_a_batch_is_proven(store: SQLStore, size: int) -> None:
    run = store.run("LAST")
    store.put_samples([make_record(run, index, prompt="p", parameters="{}", flaw="bad") for index in range(size)])
    store.finish_run(run.id, "finished")
    for index in range(size):
        proof = Proof.parse(prove(store, f"LAST/{index}").to_text())
        assert proof.check(keys(store)).size == 4
        assert proof.covers(store.sample(f"LAST/{index}").payload)
        with store.database.reading() as connection:
            salt = connection.execute(select(sample.c.salt).where(sample.c.idx == index)).scalar_one()
        assert proof.discloses(salt=salt, prompt="p", parameters="{}")
        assert "CCO" not in proof.to_text() or proof.sample.canonical is not None


def test_samples_of_one_run_put_between_each_other_are_proven(store: SQLStore) -> None:
    run = store.run("LAST")
    store.put_samples([make_record(run, index) for index in (0, 4, 9)])
    store.put_samples([make_record(run, index) for index in (2, 3, 7)])
    for index in (0, 2, 3, 4, 7, 9):
        assert prove(store, f"LAST/{index}").check(keys(store)).size == 4


def test_a_proof_is_of_the_head_of_its_time_and_holds_later(store: SQLStore) -> None:
    run = store.run("LAST")
    store.put_samples([make_record(run, 0)])
    proof = prove(store, "LAST/0")
    store.put_samples([make_record(run, 1)])
    assert proof.check(keys(store)).size == 3
    assert prove(store, "LAST/0").check(keys(store)).size == 4


def test_the_place_of_a_sample_is_told(store: SQLStore) -> None:
    run = store.run("LAST")
    store.put_samples([make_record(run, index) for index in range(3)])
    place = store.evidence("LAST/1")
    assert (place["entry"], place["entries"]) == (2, 3)
    assert place["root"] == store.info()["head"]["root"]
    assert str(place["batch"]).startswith(f"{run.id}/0, 3 samples, root ")
    assert "reviewed" not in place
    reviews.put(store, {"LAST/1": (False, "a duplicate")}, by=None)
    assert store.evidence("LAST/1")["reviewed"] == f"rejected by {current().subject}: a duplicate"


def test_a_sample_that_is_not_there_is_not_proven(store: SQLStore) -> None:
    with pytest.raises(UnknownName, match="there is no sample named 'LAST/3'"):
        prove(store, "LAST/3")


def test_a_sample_without_its_entry_is_not_proven(store: SQLStore) -> None:
    store.put_samples([make_record(store.run("LAST"), 0)])
    with store.database.writing() as connection:
        for name in ("log_entry_delete", "log_frontier_update"):
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
        connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        connection.exec_driver_sql("UPDATE log_frontier SET note = NULL")
    with pytest.raises(StoreError, match=rf"a proof of sample {'a' * 32}/0 needs its batch.*genwright audit verify"):
        prove(store, "LAST/0")


@pytest.mark.parametrize("forgotten", [False, True])
def test_subtrees_are_read_from_tiles_of_all_levels(
    store: SQLStore, monkeypatch: pytest.MonkeyPatch, forgotten: bool
) -> None:
    """Roots of tiles were not kept before v0.2.0, and are computed where they are missing."""
    monkeypatch.setattr(ledger, "TILE", 4)
    monkeypatch.setattr(merkle, "TILE", 4)
    monkeypatch.setattr(merkle, "_LEVELS", 2)
    for value in range(75):
        store.put_scores("LAST", [Score(metric="qed", value=value)])
    with store.database.writing() as connection:
        if forgotten:
            connection.exec_driver_sql("DROP TRIGGER log_tile_update")
            connection.exec_driver_sql("UPDATE log_tile SET root = NULL")
        leaves = list(connection.execute(select(log_entry.c.leaf).order_by(log_entry.c.seq)).scalars())
        assert len(leaves) == 77
        for index in range(77):
            found = merkle.inclusion_from(subtrees(connection), index, 77)
            assert found == merkle.inclusion_proof(leaves, index)
        for old in range(1, 78):
            assert consistency(connection, old) == merkle.consistency_proof(leaves, old)
