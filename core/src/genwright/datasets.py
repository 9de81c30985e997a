"""Named data sets: found by digest in a mirror folder, in an installed package or in the cache, or fetched."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from genwright.errors import DataError
from genwright.folders import cache_folder
from genwright.registry import registry
from genwright.specs import DatasetSpec

if TYPE_CHECKING:
    import requests

    from genwright.domain import Domain

__all__ = ["MIRROR", "digest", "fetch", "find", "locate", "reader", "still_there"]

MIRROR = "GENWRIGHT_DATA_MIRROR"
"""The environment variable that names a folder to take data sets from, whatever they are called there."""

_PACKAGE = "package://"

Item = TypeVar("Item")


def locate(name: str | Path) -> Path:
    """Return the file or folder of a named data set, fetched if need be, or of a path as it is.

    A name comes before a path of the same spelling; write "./name" for that.

    Raises UnknownName if it is neither, DataError if the data set cannot be had.
    """
    known = {spec.name: spec for spec in registry().specs("dataset")}
    if isinstance(name, str) and name in known:
        return find(known[name]) or fetch(known[name])
    # Path.exists raises for a name that is too long for a path; os.path.exists says no.
    if os.path.exists(name):
        return Path(name)
    if isinstance(name, Path) or Path(name).suffix or os.sep in name:
        raise DataError(f"data are a file, a folder or a named data set; {name} does not exist. Check the path.")
    registry().get("dataset", name)
    raise AssertionError


def reader(name: str | Path, domain: Domain[Item]) -> Callable[..., Iterator[Item]]:
    """Return what reads data at a path: the function that the spec of a named data set names, else the domain's."""
    known = {spec.name: spec for spec in registry().specs("dataset")}
    return known[name].load() if isinstance(name, str) and name in known else domain.read


def find(spec: DatasetSpec) -> Path | None:
    """Return the file of a data set if it is on this machine, else None.

    Raises DataError if a package should hold it and does not, or the mirror folder is none.
    """
    if spec.url.startswith(_PACKAGE):
        return _packaged(spec)
    wanted = (spec.sha256, *spec.mirrors)
    if mirror := os.environ.get(MIRROR):
        by_digest = {value: path for path, value in _digests(_mirrored(Path(mirror))).items()}
        for one in wanted:
            if one in by_digest:
                return by_digest[one]
    cached = _cached(spec)
    return cached if cached.is_file() and digest(cached) == spec.sha256 else None


def still_there(name: str, sha256: str) -> Path | None:
    """Return the file or folder of a named data set or a path if it is on this machine and still has this digest.

    Of a named one, other files of the same content will do. Nothing is fetched.
    """
    known = {spec.name: spec for spec in registry().specs("dataset")}
    try:
        if name in known:
            same = (known[name].sha256, *known[name].mirrors)
            return find(known[name]) if sha256 in same else None
        return Path(name) if os.path.exists(name) and digest(Path(name)) == sha256 else None
    except DataError:
        return None


def fetch(spec: DatasetSpec) -> Path:
    """Fetch a data set into the cache and return its file; progress is shown where stderr is a terminal.

    Raises DataError if it cannot be reached, or is not what its digest says. Nothing partial is left.
    """
    if not spec.url:
        raise DataError(
            f"data set {spec.name!r} is at no known address. Put a file with SHA-256 {spec.sha256} into a folder, "
            f"and name that folder in {MIRROR}."
        )
    import pooch
    import requests

    target = _cached(spec)
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty())
    try:
        # pooch writes beside the target and moves the file there once its digest is right.
        pooch.retrieve(spec.url, f"sha256:{spec.sha256}", fname=target.name, path=target.parent, downloader=downloader)
    except requests.exceptions.RequestException as error:
        raise DataError(
            f"data set {spec.name!r} is fetched from {spec.url}, which failed: {_reason(error)}. "
            f"Check the network, or put the file into a folder and name that in {MIRROR}."
        ) from error
    except ValueError as error:
        raise DataError(
            f"data set {spec.name!r} has SHA-256 {spec.sha256}; what {spec.url} gives has another. It was not kept. "
            f"Put the right file into a folder and name that in {MIRROR}, or ask {spec.origin} for a new address."
        ) from error
    return target


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal, computed once for each size and time of change.

    That of a folder is over the names and digests of its files.

    Raises DataError if it cannot be read.
    """
    if not path.is_dir():
        return _file_digest(path)
    found = _digests(_files(path))
    lines = "".join(f"{file.relative_to(path).as_posix()} {value}\n" for file, value in found.items())
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def _file_digest(path: Path) -> str:
    found = _digests([path])
    if path not in found:
        raise DataError(
            f"data are a file that can be read; {path} cannot. Check that it is there, and its permissions."
        )
    return found[path]


def _cached(spec: DatasetSpec) -> Path:
    # Named by its address's last part, since readers go by how a name ends.
    return cache_folder() / "data" / spec.name / spec.url.rpartition("/")[2].partition("?")[0]


def _packaged(spec: DatasetSpec) -> Path:
    package, _, inner = spec.url.removeprefix(_PACKAGE).partition("/")
    # Found, not imported: the package may be a heavy one.
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise DataError(
            f"data set {spec.name!r} lies in the package {package}, which is not installed. Run: pip install {package}"
        )
    path = Path(found.submodule_search_locations[0], inner)
    if not path.is_file():
        raise DataError(f"data set {spec.name!r} should lie in the package {package} as {inner}; it does not.")
    if digest(path) not in (spec.sha256, *spec.mirrors):
        raise DataError(
            f"data set {spec.name!r} has SHA-256 {spec.sha256}; {path} has another. "
            f"Install the release of {package} that {spec.origin} was made with."
        )
    return path


def _mirrored(mirror: Path) -> Iterable[Path]:
    if not mirror.is_dir():
        raise DataError(f"{MIRROR} names a folder with data sets; {mirror} is none. Correct it, or unset it.")
    return _files(mirror)


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _digests(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the digests of those that can be read: one that cannot keeps nobody from the others."""
    index = cache_folder() / "digests.json"
    known = _read_index(index)
    found: dict[Path, str] = {}
    fresh = False
    for path in paths:
        with contextlib.suppress(OSError):
            stat = path.stat()
            key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
            if key not in known:
                known[key], fresh = _digest(path), True
            found[path] = known[key]
    if fresh:
        _write_index(index, known)
    return found


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_index(index: Path) -> dict[str, str]:
    try:
        data = json.loads(index.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _write_index(index: Path, known: dict[str, str]) -> None:
    # Where the cache cannot be written, digests are computed again each time and nothing else is lost.
    with contextlib.suppress(OSError):
        index.parent.mkdir(parents=True, exist_ok=True)
        unfinished = index.with_name(f"{index.name}.{os.getpid()}")
        unfinished.write_text(json.dumps(known), encoding="utf-8")
        unfinished.replace(index)


def _reason(error: requests.exceptions.RequestException) -> str:
    if error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    # The chain of a connection error ends in the system's own words; what is before repeats the address.
    return str(error).rpartition(": ")[2].rstrip(").'\"") or type(error).__name__
