"""A PostgreSQL server of its own for tests, as Debian's package or any other installs it."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, final
from urllib.parse import quote

import psycopg
import pytest

__all__ = ["Server", "binaries", "running"]

REQUIRED = "GENWRIGHT_REQUIRE_POSTGRESQL"
_USER, _PATIENCE = "genwright", 60.0


def binaries() -> Path | None:
    """Return the folder of the newest installed server's programs, or None."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    found = shutil.which("initdb")
    folders = [*packaged, *([Path(found).resolve().parent] if found else [])]
    return next((folder for folder in folders if _is_complete(folder)), None)


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """Give a new server, and remove it with all of its databases at the end.

    Skips the test where none can be run, or fails it if $GENWRIGHT_REQUIRE_POSTGRESQL is 1.
    """
    programs = binaries()
    if programs is None:
        _unavailable("no PostgreSQL server is installed. Install it, on Debian with: apt-get install postgresql")
    owner = _owner()
    if os.geteuid() == 0 and not owner:
        _unavailable("PostgreSQL does not run as root, and there is no user postgres for it")
    folder = Path(tempfile.mkdtemp(prefix="gw-", dir=_reachable(owner)))
    server = Server(folder, programs, owner)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.crash()
        shutil.rmtree(folder)


@final
class Server:
    """A cluster in a folder, reached by TCP and by a socket in that folder. It writes durably, as it does by default.

    owner: what `subprocess` is told of the user to run as, empty for this one
    """

    def __init__(self, folder: Path, programs: Path, owner: dict[str, Any]) -> None:
        self.folder, self.port = folder, _free_port()
        self._programs, self._owner = programs, owner
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Lay out the cluster."""
        secret = self.folder / "password"
        secret.touch(mode=0o600)
        secret.write_text(self._password)
        if self._owner:
            for path in (self.folder, secret):
                os.chown(path, self._owner["user"], self._owner["group"])
        # Only what it holds while it runs has to survive a crash, so that its making need not wait for the disk.
        options = ["--no-sync", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", f"--pwfile={secret}"]
        command = self._command("initdb", f"--username={_USER}", *options)
        made = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, env=_plain(), **self._owner)
        assert made.returncode == 0, made.stderr

    def start(self) -> None:
        """Run it, after a crash as well, and return when it answers."""
        places = ["-p", str(self.port), "-k", str(self.folder), "-c", "listen_addresses=127.0.0.1"]
        command = [*_bound_to_us(), *self._command("postgres", *places)]
        with (self.folder / "log").open("ab") as log:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log}
            process = subprocess.Popen(command, cwd=self.folder, env=_plain(), **streams, **self._owner)
        self._process = process
        end = time.monotonic() + _PATIENCE
        while not self.answers():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"PostgreSQL should have started:\n{(self.folder / 'log').read_text()[-4000:]}")
            time.sleep(0.02)

    def crash(self) -> None:
        """Shut it down immediately: what is in memory is not written, and the next start recovers from the log."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(_PATIENCE)
            self._process = None

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str, *, by_socket: bool = False) -> str:
        """Return the URL of a database, by TCP or by the socket."""
        host = "" if by_socket else f"127.0.0.1:{self.port}"
        query = f"?host={quote(str(self.folder), safe='')}&port={self.port}" if by_socket else ""
        return f"postgresql+psycopg://{_USER}:{self._password}@{host}/{database}{query}"

    def connect(self, database: str) -> psycopg.Connection:
        """Return a connection for whatever a test does to a database behind its store, each statement at once."""
        return psycopg.connect(
            host="127.0.0.1", port=self.port, user=_USER, password=self._password, dbname=database, autocommit=True
        )

    @contextlib.contextmanager
    def database(self, *, template: str = "template0") -> Iterator[str]:
        """Give the name of a new database, a copy of another that nobody uses, and drop it at the end."""
        name = f"test_{secrets.token_hex(6)}"
        with self.connect("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        try:
            yield name
        finally:
            with self.connect("postgres") as connection:
                connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _command(self, program: str, *options: str) -> list[str]:
        return [str(self._programs / program), "-D", str(self.folder / "data"), *options]


def _unavailable(reason: str) -> NoReturn:
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{REQUIRED} is set; {reason}", pytrace=False)
    pytest.skip(reason)


def _is_complete(folder: Path) -> bool:
    return all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres"))


def _owner() -> dict[str, Any]:
    """Return what to tell `subprocess` so that root runs the server as the user postgres; nothing if none is to."""
    with contextlib.suppress(KeyError):
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return {}


def _reachable(owner: dict[str, Any]) -> str:
    """Return a folder for temporary files that the server's user can reach; root's own is often closed to it."""
    for folder in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if subprocess.run(["test", "-w", folder], **owner).returncode == 0:
            return folder
    _unavailable("there is no folder for temporary files that the user postgres can write")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _bound_to_us() -> list[str]:
    """Return how to start a server that the system stops when the tests are killed, where the system can."""
    return ["setpriv", "--pdeathsig", "QUIT"] if shutil.which("setpriv") else []


def _plain() -> dict[str, str]:
    """Return the environment without what would change the server's behaviour."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
