"""Stores in PostgreSQL for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from sqlalchemy import create_engine

from genwright_storage.address import Address
from genwright_storage.keys import KeyRing
from genwright_storage.ledger import new_origin
from genwright_storage.sequencer import Sequencer
from genwright_storage.store import SQLStore
from genwright_storage.tables import alembic_version, metadata, of_server
from tests.storage.server import Server


@pytest.fixture(scope="session")
def team(server: Server) -> Iterator[str]:
    """The name of a database with a store that is emptied for each test: making one takes a second."""
    with server.database() as name:
        SQLStore(server.url(name)).close()
        yield name


@pytest.fixture
def team_url(server: Server, team: str) -> str:
    """The URL of an empty store in PostgreSQL."""
    engine = create_engine(server.url(team))
    with engine.begin() as connection:
        # As the server's own replication does: past the triggers that guard evidence.
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in (*reversed(metadata.sorted_tables), *of_server.sorted_tables):
            if table is not alembic_version:
                connection.execute(table.delete())
        origin = new_origin()
        Sequencer(KeyRing()).begin(connection, origin)
    engine.dispose()
    # A new store at the same place.
    KeyRing().remember(Address.parse(server.url(team)).shown.partition("?")[0], origin)
    return server.url(team)


@pytest.fixture
def behind(server: Server, team: str) -> Iterator[psycopg.Connection]:
    """A connection to it for whoever gets past the triggers."""
    with server.connect(team) as connection:
        connection.execute("SET session_replication_role = replica")
        yield connection


@pytest.fixture
def login(server: Server, team: str, team_url: str) -> Iterator[Callable[[str], str]]:
    """Return the URL of the store by which a new user with a role of it, or none for "", enters."""
    users: list[str] = []
    with server.connect(team) as connection:

        def url(role: str) -> str:
            user = f"user_{len(users)}_{role or 'none'}"
            connection.execute(f"CREATE ROLE {user} LOGIN PASSWORD 'secret'")
            users.append(user)
            if role:
                connection.execute(f'GRANT "{team}_{role}" TO {user}')
            return f"postgresql+psycopg://{user}:secret@127.0.0.1:{server.port}/{team}"

        yield url
        for user in users:
            connection.execute(f"DROP OWNED BY {user}; DROP ROLE {user}")
