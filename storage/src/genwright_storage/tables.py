"""The tables. What later releases need is here from the start, so that adding it asks for no migration of old rows.

Evidence tables take rows and never change them: triggers refuse it, and the ledger shows it where they were removed.
Times are nanoseconds since 1970 by the writer's clock; order comes from the ledger, never from clocks.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeEngine

__all__ = ["alembic_version", "metadata", "of_server"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Number = BigInteger().with_variant(Integer(), "sqlite")
Real: Double[float] = Double().with_variant(REAL(), "sqlite")
Bytes = LargeBinary
# Compared byte by byte on each database: ids are looked up by their beginnings.
Words = Text().with_variant(Text(collation="C"), "postgresql")

_Type = TypeEngine[Any] | type[TypeEngine[Any]]


def _table(name: str, *items: SchemaItem, **options: Any) -> Table:
    return Table(name, metadata, *items, sqlite_strict=True, **options)


def _id() -> Column[int]:
    return Column("id", Number, Identity(), primary_key=True)


def _some(name: str, kind: _Type = Words) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _maybe(name: str, kind: _Type = Words) -> Column[Any]:
    return Column(name, kind, nullable=True)


def _to(name: str, target: str, *, key: bool = False, optional: bool = False) -> Column[Any]:
    return Column(name, Number, ForeignKey(target), primary_key=key, nullable=optional)


def _key(name: str, kind: _Type = Words) -> Column[Any]:
    return Column(name, kind, primary_key=True, nullable=False)


def _hash(name: str, *, optional: bool = False, key: bool = False) -> list[SchemaItem]:
    """Return a column for a SHA-256, with the check of its length."""
    column: Column[bytes] = Column(name, Bytes, nullable=optional, primary_key=key)
    return [column, CheckConstraint(f"length({name}) = 32", name=f"{name}_length")]


def _entry() -> list[SchemaItem]:
    """Return a column for the entry of the ledger; below 0 where that is still to be made (see `Log.append`)."""
    return [_to("seq", "log_entry.seq", optional=True), Index(None, "seq")]


def _one_of(name: str, *values: str, key: bool = False) -> list[SchemaItem]:
    """Return a column for one of some words, with the check of it."""
    words = ", ".join(f"'{value}'" for value in values)
    return [_key(name) if key else _some(name), CheckConstraint(f"{name} IN ({words})", name=name)]


def _term() -> list[SchemaItem]:
    """Return the columns of what holds from one entry of the ledger to another: who placed it, and who ended it."""
    return [
        _to("placed_by", "actor.id", optional=True),
        _some("placed_ns", Number),
        *_entry(),
        _to("ended_by", "actor.id", optional=True),
        _maybe("ended_reason"),
        _maybe("ended_ns", Number),
        _to("ended_seq", "log_entry.seq", optional=True),
    ]


actor = _table(
    "actor",
    _id(),
    _some("uid"),
    *_one_of("kind", "user", "service", "plugin"),
    _some("subject"),
    _some("display"),
    _maybe("disabled_ns", Number),
    UniqueConstraint("uid"),
    UniqueConstraint("subject"),
)

role_grant = _table(
    "role_grant",
    _id(),
    _to("actor_id", "actor.id"),
    *_one_of("role", "viewer", "generator", "reviewer", "auditor", "admin"),
    _some("scope"),
    *_term(),
    Index(None, "actor_id"),
)

# The keys that sign heads, the first with the store; a later one by the key before it, where that is at hand.
signing_key = _table(
    "signing_key",
    _id(),
    _some("verifier"),
    _some("reason"),
    _maybe("proof", Bytes),
    *_entry(),
    UniqueConstraint("verifier"),
)

environment = _table(
    "environment",
    _id(),
    *_hash("digest"),
    _some("python"),
    _some("platform"),
    _some("device"),
    _some("body"),
    UniqueConstraint("digest"),
)

log_entry = _table(
    "log_entry",
    Column("seq", Number, primary_key=True, autoincrement=False),
    _some("kind"),
    _some("ref"),
    *_hash("digest"),
    _some("created_ns", Number),
    *_hash("leaf"),
    Index(None, "kind", "seq"),
)

# With the root over them, which is a hash of the tile above; None where a release before v0.2.0 made it.
log_tile = _table("log_tile", _key("level", Number), _key("idx", Number), _some("hashes", Bytes), _maybe("root", Bytes))

log_frontier = _table(
    "log_frontier",
    Column("id", Number, primary_key=True, autoincrement=False),
    _some("size", Number),
    _some("hashes", Bytes),
    _maybe("note"),
    _maybe("fence", Number),
    CheckConstraint("id = 1", name="single"),
)

note = _table(
    "note",
    Column("size", Number, primary_key=True, autoincrement=False),
    *_hash("root"),
    _some("body"),
    _maybe("fence", Number),
    _some("created_ns", Number),
)

outbox = _table("outbox", _id(), _some("kind"), _some("ref"), *_hash("digest"), _some("created_ns", Number))


checkpoint = _table(
    "checkpoint",
    _id(),
    _some("digest"),
    _some("name"),
    _some("domain"),
    _some("card"),
    _to("seq", "log_entry.seq", optional=True),
    UniqueConstraint("digest"),
    UniqueConstraint("seq"),
)

checkpoint_file = _table(
    "checkpoint_file",
    _to("checkpoint_id", "checkpoint.id", key=True),
    _key("path"),
    _some("digest"),
    _some("size", Number),
)

run = _table(
    "run",
    _id(),
    _some("uid"),
    _some("kind"),
    _some("domain"),
    _to("environment_id", "environment.id"),
    _to("actor_id", "actor.id", optional=True),
    _some("model"),
    _some("checkpoint"),
    _maybe("parent"),
    _some("config"),
    _some("seed", Number),
    _some("planned", Number),
    _some("started_ns", Number),
    _some("salt", Bytes),
    _to("seq", "log_entry.seq", optional=True),
    UniqueConstraint("uid"),
    UniqueConstraint("seq"),
    CheckConstraint("length(uid) = 32", name="uid_length"),
    Index(None, "checkpoint"),
    Index(None, "parent"),
)

run_end = _table(
    "run_end",
    _id(),
    _to("run_id", "run.id"),
    _some("state"),
    _maybe("error"),
    _some("notes"),
    _maybe("finished_ns", Number),
    _some("salt", Bytes),
    _to("seq", "log_entry.seq", optional=True),
    UniqueConstraint("seq"),
    Index(None, "run_id", "seq"),
)


batch = _table(
    "batch",
    _id(),
    _to("run_id", "run.id"),
    _some("first_idx", Number),
    _some("last_idx", Number),
    _some("size", Number),
    *_hash("root"),
    _to("seq", "log_entry.seq", optional=True),
    Column("version", Number, nullable=False, server_default=text("1")),
    UniqueConstraint("run_id", "first_idx"),
    UniqueConstraint("seq"),
)

# On PostgreSQL it is in partitions by run, where a key has to hold the run; the store gives the ids.
sample = _table(
    "sample",
    Column("id", Number, primary_key=True, autoincrement=False),
    _to("run_id", "run.id"),
    _some("idx", Number),
    _to("batch_id", "batch.id"),
    _some("seed", Number),
    _some("media_type"),
    *_hash("digest"),
    _maybe("payload", Bytes),
    _maybe("flaw"),
    _maybe("canonical"),
    _maybe("identity"),
    _maybe("reviews"),
    _some("parameters"),
    _some("prompt"),
    _maybe("salt", Bytes),
    *_hash("leaf"),
    _maybe("erased_seq", Number),
    UniqueConstraint("run_id", "idx"),
    # PostgreSQL counts by the key, which begins with the run, as fast.
    Index(None, "run_id").ddl_if(dialect="sqlite"),
    postgresql_partition_by="RANGE (run_id)",
)
sample.primary_key.ddl_if(dialect="sqlite")
Index("ix_sample_id", sample.c.id).ddl_if(dialect="postgresql")
# The newest of a run; in SQLite each index ends with the key.
Index("ix_sample_run", sample.c.run_id, sample.c.id).ddl_if(dialect="postgresql")
for _name, _column, _where in (
    ("ix_sample_identity", sample.c.identity, sample.c.identity.is_not(None)),
    ("ix_sample_digest", sample.c.digest, sample.c.payload.is_(None)),
):
    Index(_name, _column, sqlite_where=_where, postgresql_where=_where)

# What follows is no evidence: it is made from the rows above, to find them by, and can be made again. What is not in it
# yet has a higher id than `last_id`; where `version` is not what would be written today, none of it counts.
search_state = _table("search_state", _key("kind"), _some("version"), _some("last_id", Number))

run_condition = _table(
    "run_condition",
    _to("run_id", "run.id", key=True),
    _key("name"),
    _maybe("number", Real),
    _maybe("word"),
    Index(None, "name", "number"),
)

# The fingerprints of up to a thousand samples in a row, one after another, in the order of the ids in `samples`.
fingerprint = _table(
    "fingerprint",
    _key("kind"),
    _key("first_id", Number),
    _some("samples", Bytes),
    _some("bits", Bytes),
)

# Only in PostgreSQL; in SQLite the index of texts is of FTS5. The number of each word and three letters of a sample.
of_server = MetaData(naming_convention=metadata.naming_convention)
text_index = Table(
    "text_index",
    of_server,
    Column("sample_id", BigInteger, primary_key=True, autoincrement=False),
    _some("terms", ARRAY(Integer)),
    Index(None, "terms", postgresql_using="gin"),
)


score = _table(
    "score",
    _id(),
    _to("run_id", "run.id"),
    _maybe("idx", Number),
    _some("metric"),
    _maybe("value", Real),
    _maybe("error", Real),
    _some("detail"),
    _to("seq", "log_entry.seq", optional=True),
    Index(None, "run_id", "id"),
    Index(None, "metric", "value"),
    Index(None, "seq"),
)
_of_samples = score.c.idx.is_not(None)
Index(
    "ix_score_sample",
    *(score.c.run_id, score.c.idx, score.c.metric),
    sqlite_where=_of_samples,
    postgresql_where=_of_samples,
)

tombstone = _table(
    "tombstone",
    *_one_of("kind", "sample", "run", "end", "score", "review", key=True),
    _key("target", Number),
    _some("ref"),
    *_hash("leaf"),
    _some("reason"),
    _maybe("legal_basis"),
    _to("actor_id", "actor.id", optional=True),
    _some("created_ns", Number),
    *_entry(),
)

# What an erasure has still to do: a file to remove, or where there is none, the database to be written anew.
erasure_due = _table("erasure_due", _id(), _maybe("digest", Bytes))

retention = _table("retention", _id(), _some("scope"), _some("keep_ns", Number), _some("reason"), *_term())

hold = _table("hold", _id(), _some("scope"), _some("reason"), *_term())

review = _table(
    "review",
    _id(),
    _to("run_id", "run.id"),
    _some("idx", Number),
    _to("actor_id", "actor.id"),
    _some("accepted", Number),
    _some("meaning"),
    _some("reason"),
    _some("verifier"),
    _some("signature", Bytes),
    _some("created_ns", Number),
    *_entry(),
    Index(None, "run_id", "idx"),
)

# Alembic's own table, in Alembic's own words.
alembic_version = Table(
    "alembic_version",
    metadata,
    Column("version_num", String(32), nullable=False, primary_key=True),
)
alembic_version.primary_key.name = "alembic_version_pkc"

# References that PostgreSQL does without: to a row that the sequencer makes later, to what has no key of its own, and
# from samples, where checking them halved ingest (50,000 to 25,000 rows/s, 2026-11). Verification finds what they
# would.
for _table_of in metadata.tables.values():
    for _reference in _table_of.foreign_key_constraints:
        if _reference.referred_table in (log_entry, sample) or _table_of is sample:
            _reference.ddl_if(dialect="sqlite")
