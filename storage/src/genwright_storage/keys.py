"""The key ring: a folder of the keys that sign and check heads, apart from the database.

For each origin there are its private key, those that were retired, and a text file of all public keys that are trusted
for it, one a line. A key that leaks can sign any head, so its file is the owner's alone.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

import platformdirs

from genwright.errors import ProofError, StoreError, shown
from genwright.files import flush
from genwright_storage.durable import make_private
from genwright_storage.guard import locked
from genwright_storage.notes import SigningKey, VerifierKey, is_key_name

__all__ = ["KeyRing", "file_name", "keys_folder"]

_LARGEST = 1 << 20
_LONGEST_PART = 60
_PATIENCE = 30.0


def keys_folder() -> Path:
    """Return the folder for keys: $GENWRIGHT_KEYS, else one in the user's configuration; it may not exist yet."""
    given = os.environ.get("GENWRIGHT_KEYS")
    return Path(given) if given else Path(platformdirs.user_config_dir("genwright", appauthor=False)) / "keys"


def file_name(origin: str) -> str:
    """Return a name for files of this origin and no other: legible, and safe whatever the origin."""
    legible = re.sub(r"[^A-Za-z0-9.-]", "_", origin).lstrip(".")[:_LONGEST_PART]
    # Names that differ only in what was replaced, in case or beyond the cut must not meet in one file.
    return f"{legible}_{hashlib.sha256(origin.encode(errors='surrogatepass')).hexdigest()[:32]}"


@final
class KeyRing:
    """The keys in a folder, which is made when the first is created."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = keys_folder() if folder is None else folder

    def path(self, origin: str) -> Path:
        """Return where the private key of an origin is."""
        if not is_key_name(origin):
            wanted = "one word without spaces and plus signs, such as example.org/store"
            raise StoreError(f"the origin of a log is {wanted}; got {shown(origin)}. Choose another.")
        return self.folder / f"{file_name(origin)}.pem"

    def signing(self, origin: str) -> SigningKey | None:
        """Return the private key of an origin, or None. Raises StoreError if others may read its file."""
        path = self.path(origin)
        data = _read(path, forbidden=0o077, advice="Run: chmod 600")
        return None if data is None else SigningKey.from_pem(origin, data)

    def create(self, origin: str) -> SigningKey:
        """Make the key of an origin, and trust it. Raises StoreError if there is one."""
        path = self.path(origin)
        with self._locked():
            if os.path.lexists(path):
                advice = "Choose another name, or move that file away if no store has this name any more"
                raise StoreError(f"a new key for {shown(origin)} was asked for; {path} is there already. {advice}.")
            key = SigningKey.generate(origin)
            # It is trusted first: nothing may be signed by an unknown key.
            self._trust(origin, key.verifier)
            _write(path, key.to_pem(), 0o600)
        return key

    def held(self, origin: str, verifier: str) -> SigningKey | None:
        """Return the private key of an origin whose public one this is, be it in use, retired or prepared, or None."""
        key = VerifierKey.parse(verifier)
        path = self.path(origin)
        for file in (path, *(self._beside(path, key, state) for state in ("next", "retired"))):
            data = _read(file, forbidden=0o077, advice="Run: chmod 600")
            found = None if data is None else SigningKey.from_pem(origin, data)
            if found is not None and found.verifier == key:
                return found
        return None

    def remembered(self, place: str) -> str | None:
        """Return the origin of the log that is at a place, such as a file, as far as this machine knows, or None."""
        data = _read(self._of_place(place), forbidden=0o022, advice="Check what it says, then run: chmod 644")
        return None if data is None else data.decode(errors="replace").strip()

    def remember(self, place: str, origin: str) -> None:
        """Note the origin of the log at a place."""
        with self._locked():
            _write(self._of_place(place), f"{origin}\n".encode(), 0o644)

    def _of_place(self, place: str) -> Path:
        return self.folder / f"{hashlib.sha256(place.encode(errors='surrogatepass')).hexdigest()[:32]}.place"

    def prepare(self, origin: str) -> SigningKey:
        """Make a key that is to sign for an origin from some moment on, and return it. The one so far stays in use."""
        path, key = self.path(origin), SigningKey.generate(origin)
        with self._locked():
            _write(self._beside(path, key.verifier, "next"), key.to_pem(), 0o600)
        return key

    def promote(self, origin: str, verifier: VerifierKey) -> None:
        """Put a key that was prepared in use, and trust it. The one so far is retired and stays trusted."""
        path = self.path(origin)
        with self._locked():
            old = self.signing(origin)
            if old:
                retired = self._beside(path, old.verifier, "retired")
                # A link, so that at no moment there is no key under the name that signers read.
                if not retired.exists():
                    os.link(path, retired)
            self._trust(origin, verifier)
            os.replace(self._beside(path, verifier, "next"), path)
            flush(self.folder)

    def trusted(self, origin: str) -> list[VerifierKey]:
        """Return all keys that are trusted for an origin, the oldest first: its own, and those of witnesses."""
        path = self.path(origin).with_suffix(".pub")
        data = _read(path, forbidden=0o022, advice="Check what it says, then run: chmod 644")
        found: dict[VerifierKey, None] = {}
        for number, line in enumerate((data or b"").decode(errors="replace").splitlines(), 1):
            try:
                found[VerifierKey.parse(line)] = None
            except ProofError as error:
                raise StoreError(f"{path} should have one public key a line; line {number}: {error}") from error
        return list(found)

    def trust(self, origin: str, vkey: str) -> VerifierKey:
        """Add a public key, as it is written, to those that are trusted for an origin."""
        key = VerifierKey.parse(vkey)
        self.path(origin)
        with self._locked():
            self._trust(origin, key)
        return key

    @staticmethod
    def _beside(path: Path, key: VerifierKey, state: str) -> Path:
        return path.with_name(f"{path.stem}.{key.id.hex()}.{state}.pem")

    def _trust(self, origin: str, key: VerifierKey) -> None:
        known = self.trusted(origin)
        if key not in known:
            text = "".join(f"{one}\n" for one in (*known, key))
            _write(self.path(origin).with_suffix(".pub"), text.encode(), 0o644)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Make the folder, and keep other processes from changing it meanwhile."""
        try:
            make_private(self.folder)
            handle = os.open(self.folder, os.O_RDONLY)
        except OSError as error:
            raise _refused(self.folder, error) from error
        try:
            if not locked(handle, time.monotonic() + _PATIENCE):
                raise StoreError(
                    f"keys are changed by one process at a time; another holds {self.folder} for {_PATIENCE:.0f} "
                    "seconds. Wait for it, or end it."
                )
            yield
        except OSError as error:
            raise _refused(self.folder, error) from error
        finally:
            os.close(handle)


def _read(path: Path, *, forbidden: int, advice: str) -> bytes | None:
    """Return the bytes of a file, or None if it is not there; others must not have the `forbidden` permissions."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(path, error) from error
    if mode & forbidden:
        may = f"others have rights to it ({mode & 0o777:03o})"
        raise StoreError(f"the file of keys {path} should be its owner's alone; {may}. {advice} {path}")
    return data


def _write(path: Path, data: bytes, mode: int) -> None:
    """Put a file in its place, whole and durable, or leave what was there."""
    part = path.with_name(f"{path.name[:100]}.{secrets.token_hex(8)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    flush(path.parent)


def _refused(path: Path, error: OSError) -> StoreError:
    advice = "Check its permissions, or name another folder with GENWRIGHT_KEYS"
    return StoreError(f"the keys in {path} were asked for; the system says: {error.strerror}. {advice}.")
