from __future__ import annotations

import pytest

from genwright.errors import UsageError
from genwright_storage.address import Address


def test_an_address_is_told_without_its_password() -> None:
    address = Address.parse("postgresql+psycopg://me:s%40cret@host:5433/db?sslmode=require&mode=ro&blobs=/x")
    assert address.shown == "postgresql+psycopg://me@host:5433/db?blobs=%2Fx&mode=ro&sslmode=require"
    assert address.url.password == "s@cret"
    assert dict(address.url.query) == {"sslmode": "require"}
    assert address.is_only_read


def test_a_password_in_the_query_is_not_told_either() -> None:
    address = Address.parse("postgresql://me@elsewhere/db?password=secret")
    assert "secret" not in address.shown
    assert address.url.password == "secret"
    assert address.url.drivername == "postgresql+psycopg"


def test_what_is_told_opens_the_same_again_in_this_process() -> None:
    first = Address.parse("postgresql+psycopg://me:secret@third/db?mode=ro")
    assert Address.parse(first.shown) == first
    assert Address.parse("postgresql+psycopg://me@third/db").url.password == "secret"
    assert Address.parse("postgresql+psycopg://you@third/db").url.password is None


def test_what_the_driver_is_told_besides_gives_way_to_the_url() -> None:
    assert Address.parse("postgresql://host/db").defaults["connect_timeout"] == 10
    assert "connect_timeout" not in Address.parse("postgresql://host/db?connect_timeout=3").defaults


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql+psycopg2://me:secret@host/db", r"got postgresql\+psycopg2://me@host/db. Write it so"),
        ("postgresql+psycopg://me:secret@host", r"is postgresql\+psycopg://user@host/database; got"),
        ("postgresql://host/db?mode=rw", r"only read with \?mode=ro; got .*Write that, or leave it out"),
        ("postgresql://me:secret@host:port/db", r"this one has a part that is none. Check its port and its marks"),
    ],
)
def test_a_url_that_names_no_database_is_refused(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)
