"""The copy of a database that is made before it is migrated, by PostgreSQL's own program."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from genwright.errors import StoreError
from genwright.folders import data_folder
from genwright_storage.address import Address

__all__ = ["WITHOUT", "dump"]

WITHOUT = "GENWRIGHT_WITHOUT_BACKUP"


def dump(address: Address, revision: str) -> Path | None:
    """Write a copy of a database into the data folder with pg_dump, and return where; None if the user wants none.

    Raises StoreError if pg_dump is not there, or fails.
    """
    if os.environ.get(WITHOUT) == "1":
        return None
    program = shutil.which("pg_dump")
    wanted = f"a copy of {address.shown} is made with pg_dump before it is migrated from {revision}"
    advice = f"or make a backup yourself and set {WITHOUT}=1"
    if program is None:
        raise StoreError(f"{wanted}; it is not installed. Install PostgreSQL's client programs, {advice}.")
    data_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    file = data_folder() / f"{address.url.database}.{revision}.dump"
    if file.exists():
        return file
    part = file.with_name(f"{file.name}.part")
    # The address as the client's programs read it; the password is in their environment alone, which others cannot see.
    place = address.url._replace(drivername="postgresql", password=None).render_as_string()
    secret = {} if address.url.password is None else {"PGPASSWORD": str(address.url.password)}
    part.touch(mode=0o600)
    command = [program, "--format=custom", "--no-password", f"--file={part}", f"--dbname={place}"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **secret})
    if done.returncode:
        part.unlink(missing_ok=True)
        reason = (done.stderr.strip().splitlines() or ["it failed"])[-1]
        raise StoreError(f"{wanted}; it says: {reason}. Use one as new as the server, {advice}.")
    os.replace(part, file)
    return file
