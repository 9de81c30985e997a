from __future__ import annotations

import errno
import sqlite3

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from genwright.errors import Forbidden, StorageFull, StoreError, StoreLocked, StoreReadOnly
from genwright_storage.errors import Overtaken, read_only, repeated, translated

URL = "postgresql+psycopg://me@host/db"


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (psycopg.errors.DiskFull, StorageFull, r"no space is left to write to it \(said\). Free some and repeat"),
        (psycopg.errors.OutOfMemory, StoreError, r"too little memory or connections \(said\). Close others"),
        (psycopg.errors.TooManyConnections, StoreError, r"too little memory or connections"),
        (psycopg.errors.LockNotAvailable, StoreLocked, r"another process is writing to it .*Wait for that process"),
        (
            psycopg.errors.QueryCanceled,
            StoreLocked,
            r"its server cancelled the statement .*raise its statement_timeout",
        ),
        (psycopg.errors.InsufficientPrivilege, Forbidden, r"role does not allow it .*docs/how-to/team-store.md lists"),
        (psycopg.errors.ReadOnlySqlTransaction, StoreReadOnly, r"it can only be read .*a copy of another"),
        (psycopg.errors.InvalidPassword, Forbidden, r"does not let this user in .*Check the user and the password"),
        (psycopg.errors.InvalidCatalogName, StoreError, r"there is no such database .*createdb NAME"),
        (psycopg.errors.AdminShutdown, StoreError, r"its server ended the connection .*Repeat when it runs again"),
        (psycopg.errors.IdleInTransactionSessionTimeout, StoreError, r"its server ended the connection"),
        (psycopg.errors.DataCorrupted, StoreError, r"its tables are damaged .*Restore a backup"),
        (psycopg.errors.IndexCorrupted, StoreError, r"its indexes are damaged .*Restore a backup"),
        (psycopg.errors.IoError, StoreError, r"could not read or write a file .*Check its disk"),
        (psycopg.errors.UniqueViolation, Overtaken, r"put the same thing at the same moment.*Repeat; what was"),
        (psycopg.errors.DeadlockDetected, Overtaken, r"put the same thing at the same moment"),
        (psycopg.errors.DivisionByZero, StoreError, r"it failed \(said\). Check it: genwright audit verify"),
        (psycopg.OperationalError, StoreError, r"its server does not answer \(said\). Check that it runs"),
    ],
)
def test_what_a_server_refuses_says_what_to_do(error: type[Exception], kind: type[StoreError], message: str) -> None:
    for raised in (error("said"), DBAPIError("SELECT", {}, error("said"))):
        with pytest.raises(StoreError, match=message) as caught, translated(URL):
            raise raised
        assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        ('FATAL:  password authentication failed for user "me"', Forbidden, "Check the user and the password"),
        ('FATAL:  database "db" does not exist', StoreError, "there is no such database"),
        ("FATAL:  sorry, too many clients already", StoreError, "raise its max_connections"),
        ("server closed the connection unexpectedly\n\tThis means the server terminated", StoreError, "server ended"),
        ("the connection is lost", StoreError, "its server ended the connection"),
    ],
)
def test_why_a_connection_failed_is_told_by_its_words(said: str, kind: type[StoreError], message: str) -> None:
    with pytest.raises(kind, match=message), translated(URL):
        raise psycopg.OperationalError(said)


def test_what_surrounds_the_words_of_a_server_may_hold_values_and_is_not_told() -> None:
    with pytest.raises(StoreError) as caught, translated(URL):
        raise psycopg.errors.DivisionByZero("CONTEXT:  COPY sample, line 1: a personal text\nERROR: it is said last")
    assert "personal" not in str(caught.value)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, ""), StorageFull),
        (OSError(errno.EACCES, ""), StoreReadOnly),
        (OSError(errno.EIO, ""), StoreError),
        (sqlite3.OperationalError("x"), StoreError),
    ],
)
def test_what_the_system_refuses_is_translated_too(error: Exception, kind: type[StoreError]) -> None:
    with pytest.raises(kind), translated("sqlite:///x"):
        raise error


def test_other_errors_pass() -> None:
    with pytest.raises(KeyError), translated(URL):
        raise KeyError


def test_advice_for_a_store_that_is_only_read_is_for_its_database() -> None:
    assert "Use a role that may write" in str(read_only(URL))
    assert "Change the permissions of the file" in str(read_only("sqlite:///x"))


def test_a_call_that_was_overtaken_is_made_again_and_not_for_ever() -> None:
    calls: list[int] = []

    @repeated
    def put(times: int) -> str:
        calls.append(times)
        if len(calls) <= times:
            raise Overtaken("meanwhile")
        return "put"

    assert put(3) == "put"
    assert len(calls) == 4
    with pytest.raises(Overtaken):
        put(100)
    assert len(calls) == 13
