"""A PostgreSQL server for as long as a measurement lasts, in its default configuration: commits are on the disk."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

__all__ = ["NoServer", "Server", "programs", "server"]

_USER = "postgres"


class NoServer(Exception):
    """There is no server to measure; the message is a note for its rows."""


@final
@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that runs. version: as `postgres` tells it, such as "15.18"."""

    version: str
    port: int

    def database(self, name: str) -> str:
        """Make an empty database, and return its URL for psycopg; SQLAlchemy's begins with postgresql+psycopg."""
        import psycopg

        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return self._url(name)

    def drop(self, name: str) -> None:
        """Remove a database, and whoever is connected to it."""
        import psycopg

        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())

    def _url(self, name: str) -> str:
        return f"postgresql://{_USER}@127.0.0.1:{self.port}/{name}"


def programs() -> Path:
    """Return the folder of `initdb` and `pg_ctl`. Raises NoServer."""
    found = shutil.which("initdb") or max(glob.glob("/usr/lib/postgresql/*/bin/initdb"), default=None)
    if found is None:
        raise NoServer("PostgreSQL is not installed: apt-get install postgresql.")
    return Path(found).parent


@contextmanager
def server() -> Iterator[Server]:
    """Give a new server on this machine. Raises NoServer if there are no programs for one, or it does not start."""
    bin = programs()
    is_root = os.geteuid() == 0
    # The server refuses to run as root, and other users often cannot reach root's folder for temporary files.
    with tempfile.TemporaryDirectory(prefix="genwright-postgresql-", dir="/tmp" if is_root else None) as folder:
        data = Path(folder) / "data"
        if is_root:
            shutil.chown(folder, _USER)
        port = _free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        _as_owner([str(bin / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C"])
        control = [str(bin / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
        _as_owner([*control, "-l", f"{folder}/log", "-o", options, "start"])
        try:
            told = subprocess.run([str(bin / "postgres"), "--version"], capture_output=True, text=True, check=True)
            yield Server(version=told.stdout.split()[2], port=port)
        finally:
            _as_owner([*control, "-m", "fast", "stop"])


def _as_owner(call: Sequence[str]) -> None:
    other = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"] if os.geteuid() == 0 else []
    # Not a pipe: the server would hold it open.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run([*other, *call], stdout=said, stderr=subprocess.STDOUT, cwd="/")
        if done.returncode:
            said.seek(0)
            raise NoServer(f"PostgreSQL did not start: {' '.join(said.read().split())[-300:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
