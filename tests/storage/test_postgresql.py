from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from genwright.testing.stores import StoreTests
from genwright_storage.store import SQLStore
from tests.storage.server import Server


@pytest.fixture(scope="session")
def empty(server: Server) -> Iterator[str]:
    """The name of a database with an empty store, to be copied: making the tables takes longer."""
    with server.database() as name:
        SQLStore(server.url(name)).close()
        yield name


@pytest.fixture
def url(server: Server, empty: str) -> Iterator[str]:
    with server.database(template=empty) as name:
        yield server.url(name)


class TestPostgreSQLStore(StoreTests):
    @pytest.fixture
    def store(self, url: str) -> Iterator[SQLStore]:
        with closing(SQLStore(url)) as store:
            yield store
