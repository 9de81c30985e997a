import errno
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from genwright.errors import (
    Erased,
    Forbidden,
    StorageFull,
    StoreError,
    StoreLocked,
    StoreReadOnly,
    UnknownName,
    UsageError,
)
from genwright.query import Query
from genwright.run import Run
from genwright.samples import Review
from genwright.store import Record, Score
from genwright.testing.stores import make_record, make_run
from genwright_storage import erasure, evidence, holds, reviews, tables, tombstones
from genwright_storage.kinds import ERASABLE
from genwright_storage.store import SQLStore
from genwright_storage.tables import sample

RELEASED = Path(__file__).parent / "released" / "v0_1_0.sql"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLStore]:
    (tmp_path / "place").mkdir()
    with closing(SQLStore(f"sqlite:///{tmp_path / 'place' / 'store'}", patience=0.2)) as store:
        yield store


@pytest.fixture
def run(store: SQLStore) -> Run:
    """A run with something of everything, in words that are found in no other place."""
    run = make_run(config={"prompt": "secret-config"})
    store.put_run(run)
    store.put_samples([_secret(run, index) for index in range(300)])
    scores = [Score(metric="qed", value=0.5, detail=f"secret-detail-{index:05}", index=index) for index in (1, 2)]
    store.put_scores(run.id, [*scores, Score(metric="fcd", value=0.5, detail="secret-detail-of-all")])
    store.finish_run(run.id, "failed", error="secret-error", notes=["secret-note"])
    reviews.put(store, {f"{run.id}/{index}": (True, f"secret-reason-{index:05}") for index in (1, 2)})
    return run


def _secret(run: Run, index: int) -> Record:
    name = f"{index:05}"
    payload = f"secret-payload-{name}".encode() + (b"x" * 70_000 if index % 50 == 1 else b"")
    return make_record(
        run,
        index,
        payload=payload,
        # In no order, so that the pages of the index are split where they lie.
        identity=f"{index * 7919 % 1009:04}-secret-identity-{name}",
        flaw=f"secret-flaw-{name}",
        canonical=f"secret-canonical-{name}",
        parameters=f'{{"secret-parameters": "{name}"}}',
        prompt=f"secret-prompt-{name}",
        reviews=(Review(reviewer="policy", passed=False, reason=f"secret-words-{name}"),),
    )


def _traces(store: SQLStore, *words: bytes) -> list[str]:
    """Return the files in and below the store's folder in which any of the words is."""
    files = [path for path in store.database.path.parent.rglob("*") if path.is_file()]
    assert store.database.path in files
    contents = {path.name: path.read_bytes() for path in files}
    return sorted(name for name, content in contents.items() if any(word in content for word in words))


def _salts(store: SQLStore, *indices: int) -> list[bytes]:
    with store.database.reading() as connection:
        query = select(sample.c.salt).order_by(sample.c.idx)
        return list(connection.execute(query.where(sample.c.idx.in_(indices)) if indices else query).scalars())


def test_nothing_of_an_erased_sample_is_in_any_file(store: SQLStore, run: Run) -> None:
    erased = [1, 2, 77, 151, 299]
    words = [word for index in erased for word in (f"-{index:05}".encode(), f'"{index:05}"'.encode())]
    salts = _salts(store, *erased)
    assert _traces(store, *words) != []
    assert all(_traces(store, salt) != [] for salt in salts)
    done = erasure.erase(store, [f"{run.id}/{index}" for index in erased], reason="asked for")
    assert (done.samples, done.runs, done.is_complete, done.copies) == (5, 0, True, ())
    assert _traces(store, *words, *salts) == []
    assert len(list(store.samples())) == 295
    assert list(store.verify()) == []


def test_nothing_of_an_erased_run_is_in_any_file(store: SQLStore, run: Run) -> None:
    salts = _salts(store)
    done = erasure.erase(store, [run.id], reason="asked for", basis="an article")
    assert (done.samples, done.runs) == (300, 1)
    assert _traces(store, b"secret-", *salts) == []
    assert list(store.verify()) == []
    assert (list(store.samples()), store.scores(run.id)) == ([], [])
    assert store.info()["erased"] == 300
    left = store.run(run.id)
    assert (left.config, left.error, left.domain, left.notes) == ({}, None, "", ("it was erased: asked for",))


def test_proofs_of_the_others_verify_and_there_is_none_of_what_was_erased(store: SQLStore, run: Run) -> None:
    before = evidence.prove(store, f"{run.id}/5")
    old = evidence.prove(store, f"{run.id}/6")
    erasure.erase(store, [f"{run.id}/6"], reason="asked for")
    keys = store.ledger.ring.trusted(store.info()["head"]["origin"])
    assert [proof.check(keys).size for proof in (before, evidence.prove(store, f"{run.id}/5"))] == [7, 8]
    # Who was given the proof of it before can still show that there was such a sample.
    assert old.check(keys).size == 7
    with pytest.raises(Erased, match=r"a proof of sample .*/6 was asked for; it was erased on "):
        evidence.prove(store, f"{run.id}/6")


def test_what_was_erased_says_when_by_whom_and_why(store: SQLStore, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ada")
    erasure.erase(store, [f"{run.id}/6"], reason="asked for")
    message = rf"sample {run.id}/6 was asked for; it was erased on 20\d\d-\d\d-\d\d by ada: asked for. Its hash"
    for ask in (
        lambda: store.sample("LAST/6"),
        lambda: store.put_samples([_secret(run, 6)]),
        lambda: store.put_scores(run.id, [Score(metric="qed", value=1, index=6)]),
        lambda: reviews.of(store, "LAST/6"),
        lambda: reviews.put(store, {"LAST/6": (True, "")}),
    ):
        with pytest.raises(Erased, match=message):
            ask()
    assert 6 not in {record.index for record in store.samples()}
    assert list(store.missing(run.id)) == []


def test_nothing_is_put_into_a_run_that_was_erased(store: SQLStore, run: Run) -> None:
    erasure.erase(store, [run.id], reason="asked for")
    for put in (
        lambda: store.put_run(run),
        lambda: store.put_samples([make_record(run, 1000)]),
        lambda: store.put_scores(run.id, [Score(metric="fcd", value=1)]),
        lambda: store.finish_run(run.id, "finished"),
    ):
        with pytest.raises(Erased, match=rf"run {run.id} was asked for; it was erased on "):
            put()


def test_an_erasure_is_all_or_nothing(store: SQLStore, run: Run) -> None:
    for ids in ([f"{run.id}/1", f"{run.id}/4000"], [run.id, "ffff"]):
        with pytest.raises(UnknownName, match="there is no"):
            erasure.erase(store, ids, reason="asked for")
    assert len(list(store.samples())) == 300
    assert store.run(run.id).config == run.config


def test_erasing_again_does_nothing(store: SQLStore, run: Run) -> None:
    for expected in ((1, 0), (0, 0)):
        done = erasure.erase(store, [f"{run.id}/6"], reason="asked for")
        assert (done.samples, done.runs) == expected
    for expected in ((299, 1), (0, 0)):
        done = erasure.erase(store, [run.id], reason="asked for")
        assert (done.samples, done.runs) == expected
    assert list(store.verify()) == []


@pytest.mark.parametrize("reason", ["", " \n"])
def test_an_erasure_needs_a_reason(store: SQLStore, run: Run, reason: str) -> None:
    with pytest.raises(UsageError, match=r"says to an auditor why.*got an empty one. Give it"):
        erasure.erase(store, [run.id], reason=reason)


def test_a_file_that_another_sample_has_too_stays(store: SQLStore) -> None:
    run, large = make_run(), b"shared" * 20_000
    store.put_run(run)
    store.put_samples([make_record(run, index, payload=large) for index in range(2)])
    erasure.erase(store, [f"{run.id}/0"], reason="asked for")
    assert store.sample(f"{run.id}/1").payload == large
    erasure.erase(store, [f"{run.id}/1"], reason="asked for")
    assert list(store.blobs.found()) == []
    assert list(store.verify()) == []


def test_what_a_killed_writer_left_of_a_file_goes_with_it(store: SQLStore, run: Run) -> None:
    (file,) = [found for found in store.blobs.found() if b"00001" in _bytes(store, found.name)]
    part = store.database.path.parent / "store.blobs" / f"{file.name}.0123.part"
    part.write_bytes(b"secret-payload-00001")
    erasure.erase(store, [f"{run.id}/1"], reason="asked for")
    assert not part.exists()


def _bytes(store: SQLStore, name: str) -> bytes:
    return (store.database.path.parent / "store.blobs" / name).read_bytes()


def test_a_file_that_is_put_while_it_is_erased_is_there_in_the_end(
    store: SQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, large = make_run(), b"shared" * 20_000
    store.put_run(run)
    store.put_samples([make_record(run, 0, payload=large)])
    with closing(SQLStore(store.url)) as other:
        put = type(store.blobs).put

        def erased_in_between(self: object, files: dict[bytes, bytes]) -> None:
            put(self, files)  # type: ignore[arg-type]
            monkeypatch.setattr(type(store.blobs), "put", put)
            erasure.erase(other, [f"{run.id}/0"], reason="asked for")

        monkeypatch.setattr(type(store.blobs), "put", erased_in_between)
        store.put_samples([make_record(run, 1, payload=large)])
    assert store.sample(f"{run.id}/1").payload == large
    assert list(store.verify()) == []


def test_the_index_forgets_what_was_erased(store: SQLStore, run: Run) -> None:
    """The text of a sample is in the index beside the row, in pieces that no search of the file finds."""
    words = [f"secret-canonical-{index:05}" for index in (6, 7)]
    assert [len(list(store.search(Query(text=word)))) for word in words] == [1, 1]
    erasure.erase(store, [f"{run.id}/6"], reason="asked for")
    assert [len(list(store.search(Query(text=word)))) for word in words] == [0, 1]
    assert _traces(store, b"canonical-00006", b"payload-00006") == []
    erasure.erase(store, [run.id], reason="asked for")
    assert _traces(store, b"secret") == []


@pytest.mark.parametrize("scope", ["all", "domain:molecules", "run:LAST", "sample:LAST/6"])
def test_a_hold_forbids_it_by_name(store: SQLStore, run: Run, scope: str) -> None:
    id = holds.place(store, scope, reason="a dispute")
    for target in (f"{run.id}/6", run.id):
        with pytest.raises(Forbidden, match=rf"was to be erased; hold {id} on .* forbids it: a dispute. Whoever"):
            erasure.erase(store, [target], reason="asked for")
    assert len(list(store.samples())) == 300
    holds.release(store, id, reason="settled")
    assert erasure.erase(store, [run.id], reason="asked for").samples == 300


def test_a_hold_on_something_else_does_not(store: SQLStore, run: Run) -> None:
    other = make_run(domain="images")
    store.put_run(other)
    store.put_samples([make_record(other, 6)])
    for scope in ("domain:images", f"run:{other.id}", f"sample:{other.id}/6", f"sample:{run.id}/5"):
        holds.place(store, scope, reason="a dispute")
    assert erasure.erase(store, [f"{run.id}/6"], reason="asked for").samples == 1


def test_copies_made_before_are_named(store: SQLStore, run: Run) -> None:
    copy = store.database.path.with_name("store.v0.1.0.backup")
    part = store.database.path.with_name("store.v0.1.0.backup.5f.part")
    for path in (copy, part):
        shutil.copy(store.database.path, path)
    assert erasure.erase(store, [f"{run.id}/6"], reason="asked for").copies == (copy, part)


def test_somebody_who_reads_delays_it_until_the_next_opening(store: SQLStore, run: Run) -> None:
    reader = sqlite3.connect(store.database.path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM run").fetchone()
    assert not erasure.erase(store, [f"{run.id}/6"], reason="asked for").is_complete
    (found,) = store.verify()
    assert (found.where, found.trouble[:44]) == (
        "the file of the store",
        "traces of what was erased are in it: an eras",
    )
    reader.close()
    SQLStore(store.url).close()
    assert _traces(store, b"-00006") == []
    assert list(store.verify()) == []


def _dies(count: int) -> Callable[..., None]:
    left = [count]

    def die(*_: object, **__: object) -> None:
        left[0] -= 1
        if not left[0]:
            os._exit(9)

    return die


@pytest.mark.parametrize("refusal", [StoreLocked("another process"), StorageFull("no space")])
def test_a_file_that_cannot_be_written_anew_is_at_the_next_opening(
    store: SQLStore, run: Run, refusal: StoreError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: object) -> bool:
        raise refusal

    with monkeypatch.context() as patch:
        patch.setattr(type(store.database), "rewrite", refused)
        assert not erasure.erase(store, [f"{run.id}/6"], reason="asked for").is_complete
        SQLStore(store.url).close()
    SQLStore(store.url).close()
    assert _traces(store, b"-00006") == []


def test_a_file_that_cannot_be_removed_keeps_nobody_from_opening(
    store: SQLStore, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(type(store.blobs), "erase", refused)
        with pytest.raises(StoreReadOnly, match=r"it can only be read. Change the permissions"):
            erasure.erase(store, [f"{run.id}/1"], reason="asked for")
        with closing(SQLStore(store.url)) as again:
            again.put_samples([_secret(run, 1000)])
    SQLStore(store.url).close()
    assert _traces(store, b"-00001") == []
    assert list(store.verify()) == []


@pytest.mark.parametrize("step", ["commit", "complete", "files", "second file", "rewrite", "end"])
def test_a_process_that_dies_at_any_step_leaves_what_the_next_opening_completes(
    store: SQLStore, run: Run, step: str
) -> None:
    url = store.url
    store.close()
    if not (child := os.fork()):
        _erase_and_die(url, run.id, step)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 9
    with closing(SQLStore(url)) as again:
        assert list(again.verify()) == []
        with again.database.reading() as connection:
            assert not tombstones.is_due(connection)
        if step == "commit":
            assert len(list(again.samples())) == 300
        else:
            assert _traces(again, b"secret-") == []
            assert list(again.samples()) == []


def _erase_and_die(url: str, run: str, step: str) -> None:
    patch = pytest.MonkeyPatch()
    store = SQLStore(url)
    erase, files = type(store.blobs).erase, _dies(2)

    def second_file(self: object, digest: bytes) -> None:
        files()
        erase(self, digest)  # type: ignore[arg-type]

    append, entries = store.ledger.append, _dies(2)

    def second_entry(*args: object) -> int:
        entries()
        return append(*args)  # type: ignore[arg-type]

    places: dict[str, tuple[object, str, object]] = {
        "commit": (store.ledger, "append", second_entry),
        "complete": (erasure, "complete", _dies(1)),
        "files": (erasure, "_remove_files", _dies(1)),
        "second file": (type(store.blobs), "erase", second_file),
        "rewrite": (type(store.database), "rewrite", _dies(1)),
        "end": (tombstones, "is_due", _dies(1)),
    }
    patch.setattr(*places[step])
    erasure.erase(store, [run], reason="asked for")
    os._exit(0)


def test_samples_put_before_leaves_were_blinded_are_erased_too(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "store")) as connection:
        connection.executescript(RELEASED.read_text(encoding="utf-8"))
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        records = list(store.samples())
        erasure.erase(store, [records[0].id], reason="asked for")
        assert list(store.verify()) == []
        for run in list(store.runs()):
            erasure.erase(store, [run.id], reason="asked for")
        assert list(store.verify()) == []
        assert list(store.samples()) == []


def test_what_is_cleared_is_all_that_may_be(store: SQLStore) -> None:
    from genwright_storage.tombstones import BLANKS

    named = {"run": "run", "run_end": "end", "sample": "sample", "score": "score", "review": "review"}
    for table, kind in named.items():
        columns = {column.name for column in tables.metadata.tables[table].columns}
        assert columns - set(ERASABLE[table]) - {"erased_seq"} == set(BLANKS[kind])


def test_a_store_with_nothing_due_is_not_written_anew(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(store.database), "rewrite", lambda *_: pytest.fail("it was"))
    assert erasure.complete(store)
