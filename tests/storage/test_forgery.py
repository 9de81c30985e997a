"""What whoever can write the file, and has no key, may try. Each once passed."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from genwright.errors import KeyMissing, ProofError, StorageFull, StoreError, UsageError
from genwright.store import Finding
from genwright.testing.stores import make_record, make_run
from genwright_storage import actors, holds, merkle, retention, reviews, roles
from genwright_storage.keys import KeyRing
from genwright_storage.notes import Head, SigningKey, signed_note
from genwright_storage.store import SQLStore

RUN = "a" * 32


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "keys")


@pytest.fixture
def url(tmp_path: Path, ring: KeyRing) -> str:
    url = f"sqlite:///{tmp_path / 'store'}"
    with closing(SQLStore(url, ring=ring)) as store:
        run = make_run(id=RUN)
        store.put_run(run)
        store.put_samples([make_record(run, index) for index in range(3)])
        store.finish_run(RUN, "failed", error="stopped")
        store.finish_run(RUN, "finished")
        for accepted in (False, True):
            reviews.put(store, {f"{RUN}/0": (accepted, "looked at")})
        retention.end(store, retention.retain(store, "all", days=365, reason="a rule"), reason="enough")
        holds.release(store, holds.place(store, "all", reason="a dispute"), reason="settled")
        roles.grant(store, actors.current().subject, "admin")
        roles.grant(store, "eve", "admin")
        roles.revoke(store, "eve", "admin", reason="left")
        assert list(store.verify()) == []
    return url


@pytest.fixture
def forger(url: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        yield connection


def found(url: str, ring: KeyRing) -> list[Finding]:
    with closing(SQLStore(f"{url}?mode=ro", ring=ring)) as store:
        return list(store.verify())


def sampled(url: str, ring: KeyRing) -> list[str]:
    with closing(SQLStore(f"{url}?mode=ro", ring=ring)) as store:
        return [record.id for record in store.samples()]


def copied(forger: sqlite3.Connection, table: str, where: str, **changes: object) -> None:
    """Insert a copy of a row under another key, with some columns changed, past no trigger."""
    columns = [name for _, name, *_ in forger.execute(f"PRAGMA table_info({table})") if name != "id"]
    values = ", ".join("?" if name in changes else name for name in columns)
    forger.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {where}",
        [changes[name] for name in columns if name in changes],
    )


def test_a_sample_below_all_others_is_found(url: str, ring: KeyRing, forger: sqlite3.Connection) -> None:
    columns = "run_id, batch_id, seed, media_type, digest, payload, parameters, prompt, salt, leaf"
    forger.execute(f"INSERT INTO sample (id, idx, {columns}) SELECT -5, 7, {columns} FROM sample WHERE idx = 0")
    assert any(f"sample {RUN}/7" in finding.where for finding in found(url, ring))


@pytest.mark.parametrize(
    ("table", "where", "changes"),
    [
        ("review", "accepted = 0", {}),
        ("retention", "1", {"ended_by": None, "ended_reason": None, "ended_ns": None, "ended_seq": None}),
        ("hold", "1", {"ended_by": None, "ended_reason": None, "ended_ns": None, "ended_seq": None}),
        (
            "role_grant",
            "ended_ns IS NOT NULL",
            {"ended_by": None, "ended_reason": None, "ended_ns": None, "ended_seq": None},
        ),
    ],
)
def test_a_second_row_of_one_entry_is_found(
    url: str, ring: KeyRing, forger: sqlite3.Connection, table: str, where: str, changes: dict[str, object]
) -> None:
    copied(forger, table, where, **changes)
    assert [finding.trouble for finding in found(url, ring)] == ["more than one row is of it"]


def test_what_waits_in_an_outbox_is_no_evidence_in_a_file(url: str, ring: KeyRing, forger: sqlite3.Connection) -> None:
    forger.execute("INSERT INTO outbox (id, kind, ref, digest, created_ns) VALUES (1, 'run', 'x', zeroblob(32), 0)")
    trouble = "nothing puts rows there, and 1 are there"
    assert Finding(where="table outbox", trouble=trouble) in found(url, ring)


def test_a_tile_that_the_ledger_does_not_have_is_found(url: str, ring: KeyRing, forger: sqlite3.Connection) -> None:
    """It would keep the ledger from growing past it."""
    forger.execute("INSERT INTO log_tile (level, idx, hashes) VALUES (0, 0, x'00')")
    assert [finding.where for finding in found(url, ring)] == ["ledger, tile 0 of level 0"]


def test_an_environment_that_is_no_json_is_found(url: str, ring: KeyRing, forger: sqlite3.Connection) -> None:
    forger.execute(
        "INSERT INTO environment (digest, python, platform, device, body) VALUES (?, '', '', '', 'x')",
        [hashlib.sha256(b"x").digest()],
    )
    assert [finding.trouble for finding in found(url, ring)] == ["it was changed after it was put"]


def test_which_end_of_a_run_and_which_review_stand_the_ledger_says(
    url: str, ring: KeyRing, forger: sqlite3.Connection
) -> None:
    for table in ("run_end", "review"):
        forger.execute(f"DROP TRIGGER {table}_update")
        forger.execute(f"UPDATE {table} SET id = id + 100 WHERE id = (SELECT min(id) FROM {table})")
    with closing(SQLStore(url, ring=ring)) as store:
        assert store.run(RUN).state == "finished"
        assert [given.accepted for given in reviews.of(store, f"{RUN}/0")] == [False, True]
        assert [given.accepted for given in reviews.standing(store, accepted=True)] == [True]


def test_a_ledger_of_another_name_at_the_same_place_is_found(url: str, ring: KeyRing, tmp_path: Path) -> None:
    for file in tmp_path.glob("store*"):
        file.unlink()
    with closing(SQLStore(url, ring=KeyRing(tmp_path / "forged"))) as store:
        store.put_run(make_run(id=RUN))
    (finding,) = found(url, ring)
    assert finding.where == "the ledger"
    told = r"it is genwright/\w+; the one that was made or first used here is genwright/\w+"
    assert re.fullmatch(told, finding.trouble)


def test_what_a_retired_key_signs_later_is_found(url: str, ring: KeyRing, tmp_path: Path) -> None:
    before = (tmp_path / "store").read_bytes()
    with closing(SQLStore(url, ring=ring)) as store:
        store.rotate_key("it leaked")
        assert list(store.verify()) == []
    (tmp_path / "store").write_bytes(before)
    with closing(SQLStore(url, ring=ring)) as store:
        store.put_samples([make_record(store.run(RUN), 9)])
        assert "the head of the ledger" in [finding.where for finding in store.verify()]


def test_nothing_is_signed_that_contradicts_the_last_head(url: str, ring: KeyRing, forger: sqlite3.Connection) -> None:
    with closing(SQLStore(url, ring=ring)) as store:
        run = store.run(RUN)
        store.put_samples([make_record(run, 9)])
        ((size, hashes),) = forger.execute("SELECT size, hashes FROM log_frontier")
        forger.execute("UPDATE log_frontier SET hashes = ?", [hashlib.sha256(b"x").digest() + hashes[32:]])
        with pytest.raises(StoreError, match=rf"that is of {size} entries with another root than its {size} have"):
            store.put_samples([make_record(run, 10)])
    assert f"{RUN}/10" not in sampled(url, ring)


def test_a_head_by_another_key_is_not_moved_on(url: str, ring: KeyRing, forger: sqlite3.Connection) -> None:
    """Whoever has no key may put entries there, and a head over them that the store's key did not sign."""
    ((text,),) = forger.execute("SELECT note FROM log_frontier")
    origin = text.partition("\n")[0]
    edge = merkle.Frontier()
    for (leaf,) in forger.execute("SELECT leaf FROM log_entry ORDER BY seq").fetchall():
        edge.append(leaf)
    edge.append(hashlib.sha256(b"x").digest())
    key = SigningKey.generate(origin)
    text = Head(origin=origin, size=edge.size, root=edge.root).text
    head = signed_note(text, key.signature(text))
    forger.execute("UPDATE log_frontier SET size = ?, hashes = ?, note = ?", [edge.size, b"".join(edge.hashes), head])
    with closing(SQLStore(url, ring=ring)) as store, pytest.raises(StoreError, match="none is by a known key"):
        store.put_samples([make_record(store.run(RUN), 10)])
    assert f"{RUN}/10" not in sampled(url, ring)


def test_a_key_whose_change_failed_is_not_missed(url: str, ring: KeyRing, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(SQLStore(url, ring=ring)) as store:
        with monkeypatch.context() as patch:
            patch.setattr(store.ledger, "_add_key", _fail)
            with pytest.raises(StorageFull):
                store.rotate_key("a year has passed")
        store.put_samples([make_record(store.run(RUN), 9)])
        with monkeypatch.context() as patch:
            patch.setattr(ring, "promote", _fail)
            with pytest.raises(OSError, match="no space"):
                store.rotate_key("a year has passed")
        store.put_samples([make_record(store.run(RUN), 10)])
        assert list(store.verify()) == []
        with pytest.raises(UsageError, match="a reason says to an auditor why"):
            store.rotate_key(" ")
    with closing(SQLStore(url, ring=KeyRing(ring.folder / "none"))) as store, pytest.raises(KeyMissing):
        store.put_samples([make_record(store.run(RUN), 11)])


def test_a_key_that_is_none_is_told_before_anything_is_read(url: str, ring: KeyRing) -> None:
    with closing(SQLStore(url, ring=ring)) as store, pytest.raises(ProofError, match="a public key is"):
        store.verify(keys=["nonsense"])


def _fail(*_: object, **__: object) -> None:
    raise OSError(28, "no space")
