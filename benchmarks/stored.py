"""Stores that a measurement makes, and the records that it puts into them.

    python -m benchmarks.stored {fill,verify,read} URL ROWS

does one thing to a store in a process of its own, and prints the most memory that it took, in KiB.
"""

from __future__ import annotations

import hashlib
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from genwright.store import Record, Store, open_store
from genwright.testing.stores import make_run
from genwright_storage.rows import SampleRow, new_rows

__all__ = ["BATCH", "INSERT", "Weight", "filled", "fresh", "kept_keys", "main", "put", "raw_rows", "records", "weighed"]

BATCH = 1000
INSERT = "INSERT INTO sample (run_id, batch_id, {}) VALUES (?, ?{})".format(
    ", ".join(SampleRow._fields), ", ?" * len(SampleRow._fields)
)
_ROOT = Path(__file__).resolve().parent.parent
_STATUS = Path("/proc/self/status")

Weight = dict[str, float]


def records(run: str, count: int, start: int = 0) -> list[Record]:
    """Return molecules as a generator draws them: a spelling of 43 characters, and a key that falls anywhere."""
    return [
        Record(
            run=run,
            index=index,
            seed=7,
            payload=(smiles := f"CC(=O)Nc1ccc(OCC(C)C(=O)N2CCC2)cc1{index:09d}").encode(),
            media_type="chemical/x-daylight-smiles",
            canonical=smiles,
            identity=identity(smiles),
        )
        for index in range(start, start + count)
    ]


def identity(smiles: str) -> str:
    """Return a key of the length of an InChIKey."""
    return hashlib.md5(smiles.encode()).hexdigest()[:27].upper()


@contextmanager
def kept_keys(folder: Path) -> Iterator[None]:
    """Have the keys that a store signs with lie in a folder, and not among the user's."""
    before = os.environ.get("GENWRIGHT_KEYS")
    os.environ["GENWRIGHT_KEYS"] = str(folder / "keys")
    try:
        yield
    finally:
        os.environ.pop("GENWRIGHT_KEYS")
        if before is not None:
            os.environ["GENWRIGHT_KEYS"] = before


@contextmanager
def fresh(scratch: Path) -> Iterator[tuple[Store, str, Path]]:
    """Give a new store in a new file, the id of a run in it, and the file."""
    with tempfile.TemporaryDirectory(dir=scratch) as folder, kept_keys(Path(folder)):
        path = Path(folder) / "store.sqlite"
        with closing(open_store(f"sqlite:///{path}")) as store:
            run = make_run()
            store.put_run(run)
            yield store, run.id, path


def put(store: Store, made: Sequence[Record], batch: int) -> None:
    """Put records, so many a call."""
    for start in range(0, len(made), batch):
        store.put_samples(made[start : start + batch])


def raw_rows(made: Sequence[Record], run_id: int = 1, batch_id: int = 1) -> list[tuple[Any, ...]]:
    """Return the rows of records, as `INSERT` takes them."""
    return [(run_id, batch_id, *row) for row in new_rows(made)]


def filled(scratch: Path, count: int) -> tuple[str, Weight]:
    """Return the URL of a store of so many samples of one run, and what memory making it took, once a folder."""
    path = scratch / f"filled-{count}.sqlite"
    url, kept = f"sqlite:///{path}", Path(f"{path}.peak")
    if not kept.exists():
        kept.write_text(str(weighed("fill", url, count)), encoding="utf-8")
    return url, {"fill": float(kept.read_text(encoding="utf-8"))}


def weighed(action: str, url: str, count: int) -> float:
    """Return the most memory, in MiB, that a process of its own takes for doing that; NaN where that is not told."""
    call = [sys.executable, "-m", "benchmarks.stored", action, url, str(count)]
    path = os.pathsep.join([str(_ROOT), *sys.path])
    keys = Path(url.removeprefix("sqlite:///")).parent / "keys"
    environment = {**os.environ, "PYTHONPATH": path, "GENWRIGHT_KEYS": str(keys)}
    done = subprocess.run(call, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(call)} failed: {done.stderr[-1000:]}")
    return float(done.stdout) / 1024


def main(action: str, url: str, count: int) -> None:
    """Do one thing to a store, and print the peak of memory of its largest process, in KiB."""
    with closing(open_store(url)) as store:
        {"fill": _fill, "verify": _verify, "read": _read}[action](store, count)
    print(_peak())


def _fill(store: Store, count: int) -> None:
    run = make_run(planned=count)
    store.put_run(run)
    for start in range(0, count, BATCH):
        store.put_samples(records(run.id, min(BATCH, count - start), start))


def _verify(store: Store, count: int) -> None:
    assert list(store.verify()) == []


def _read(store: Store, count: int) -> None:
    assert sum(1 for _ in store.samples()) == count


def _peak() -> float:
    # Not getrusage for this one: what that tells of a new process can be the peak of the one that started it. Of those
    # that verify for this one, it tells of the largest.
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="utf-8")) if _STATUS.exists() else None
    return max(float(found[1]), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) if found else float("nan")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
