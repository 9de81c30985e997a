import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genwright.errors import KeyMissing, StoreError, UnknownName, UsageError
from genwright.store import Finding
from genwright.testing.stores import make_record, make_run
from genwright_storage import actors, reviews
from genwright_storage.keys import KeyRing
from genwright_storage.notes import SigningKey, VerifierKey
from genwright_storage.store import SQLStore

RUN = "a" * 32


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SQLStore]:
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ada@lab.example")
    ring = KeyRing(tmp_path / "keys")
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}", ring=ring)) as store:
        run = make_run(id=RUN)
        store.put_run(run)
        store.put_samples([make_record(run, index) for index in range(5)])
        yield store


def test_a_review_says_who_gave_it_when_and_with_what_meaning(store: SQLStore) -> None:
    assert reviews.put(store, {"LAST/1": (False, "a ring of nine")}, meaning="approval") == 1
    (given,) = reviews.of(store, "LAST/1")
    assert (given.sample, given.by, given.accepted) == (f"{RUN}/1", "ada@lab.example", False)
    assert (given.meaning, given.reason) == ("approval", "a ring of nine")
    assert list(store.verify()) == []


def test_a_later_review_stands_and_the_earlier_stays(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    reviews.put(store, {f"{RUN}/{index}": (False, "") for index in range(3)})
    monkeypatch.setenv("GENWRIGHT_ACTOR", "bob")
    reviews.put(store, {f"{RUN}/1": (True, "it is fine")})
    assert [(given.by, given.accepted) for given in reviews.of(store, f"{RUN}/1")] == [
        ("ada@lab.example", False),
        ("bob", True),
    ]
    assert [given.sample for given in reviews.standing(store, accepted=False)] == [f"{RUN}/0", f"{RUN}/2"]
    assert [given.by for given in reviews.standing(store, accepted=True, run_id="LAST")] == ["bob"]
    assert list(store.verify()) == []


def test_each_reviewer_signs_with_a_key_of_their_own(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("ada@lab.example", "Ada Löw + Söhne", "ADA@lab.example")
    for name in names * 2:
        monkeypatch.setenv("GENWRIGHT_ACTOR", name)
        reviews.put(store, {f"{RUN}/0": (True, "")})
    keys = [VerifierKey.parse(given.verifier) for given in reviews.of(store, f"{RUN}/0")]
    assert [key.name for key in keys[:3]] == [
        "reviewer/ada@lab.example",
        "reviewer/Ada%20L%C3%B6w%20%2B%20S%C3%B6hne",
        "reviewer/ADA@lab.example",
    ]
    assert len(set(keys)) == 3
    assert list(store.verify()) == []


def test_the_longest_name_of_an_actor_has_a_key(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_ACTOR", "ö" * 100)
    reviews.put(store, {f"{RUN}/0": (True, "")})
    assert list(store.verify()) == []


def test_a_plugin_is_signed_for_by_the_key_of_the_store(store: SQLStore) -> None:
    reviews.put(store, {f"{RUN}/0": (False, "a word")}, by=actors.of_plugin("policy"))
    (given,) = reviews.of(store, f"{RUN}/0")
    assert given.by == "plugin:policy"
    assert VerifierKey.parse(given.verifier).name == store.info()["head"]["origin"]
    with store.database.writing() as connection:
        store.ledger.rotate(connection, "a year has passed")
    assert list(store.verify()) == []


def test_a_plugin_is_not_signed_for_without_the_key_of_the_store(store: SQLStore, tmp_path: Path) -> None:
    elsewhere = SQLStore(f"{store.url}?mode=ro", ring=KeyRing(tmp_path / "other keys"))
    with pytest.raises(KeyMissing, match=r"a plugin's reviews are signed by the key of .*; it is not on this machine"):
        reviews.put(elsewhere, {f"{RUN}/0": (True, "")}, by=actors.of_plugin("policy"))


def test_reviews_are_all_put_or_none(store: SQLStore) -> None:
    with pytest.raises(UnknownName, match=r"there is no sample named .*genwright samples list"):
        reviews.put(store, {f"{RUN}/0": (True, ""), f"{RUN}/7": (True, "")})
    assert reviews.of(store, f"{RUN}/0") == []


def test_texts_of_a_review_are_plain_and_its_meaning_is_not_empty(store: SQLStore) -> None:
    with pytest.raises(StoreError, match="NUL"):
        reviews.put(store, {f"{RUN}/0": (True, "a\0")})
    with pytest.raises(UsageError, match="got an empty one"):
        reviews.put(store, {f"{RUN}/0": (True, "")}, meaning="")


def _tampered(store: SQLStore, statement: str, *values: object) -> list[Finding]:
    with closing(sqlite3.connect(store.database.path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER review_update")
        connection.execute(statement, values)
    return list(store.verify())


def test_a_review_that_was_changed_is_named(store: SQLStore) -> None:
    reviews.put(store, {f"{RUN}/0": (True, "")})
    found = _tampered(store, "UPDATE review SET accepted = 0")
    where = f"review of sample {RUN}/0 by ada@lab.example"
    assert found == [
        Finding(where=where, trouble="it was changed after it was put"),
        Finding(where=where, trouble="its signature does not hold"),
    ]


def test_a_review_in_the_name_of_somebody_else_is_found(store: SQLStore, tmp_path: Path) -> None:
    """Whoever can append to the ledger can make a key in a name; who has the true one knows that it is another."""
    reviews.put(store, {f"{RUN}/0": (True, "")})
    forger = SQLStore(store.url, ring=KeyRing(tmp_path / "keys"))
    ring = forger.ledger.ring
    ring.promote("reviewer/ada@lab.example", ring.prepare("reviewer/ada@lab.example").verifier)
    reviews.put(forger, {f"{RUN}/1": (True, "")})
    forger.close()
    known = KeyRing(tmp_path / "ada")
    known.trust("reviewer/ada@lab.example", reviews.of(store, f"{RUN}/0")[0].verifier)
    with store.database.reading() as connection:
        (found,) = reviews.findings(connection, known)
    assert found.where == f"review of sample {RUN}/1 by ada@lab.example"
    assert "which is not a key of ada@lab.example that is trusted here" in found.trouble


def test_a_review_of_a_plugin_by_another_key_is_found(store: SQLStore, monkeypatch: pytest.MonkeyPatch) -> None:
    own = SigningKey.generate("example.org/elsewhere")
    with monkeypatch.context() as patch:
        patch.setattr(SQLStore, "signer", own)
        reviews.put(store, {f"{RUN}/0": (True, "")}, by=actors.of_plugin("policy"))
    assert [finding.trouble for finding in store.verify()] == ["it is not signed by a key of the store"]
