"""Measures the SQL store: python benchmarks/store.py [--rows 100000] [--write benchmarks/results/store.md]

Each line is the median of three rounds, with the smallest and the largest; each round is on a new file. Beside the time
on the clock stands the processor's, which other programs on the machine disturb less.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy

from genwright.store import Record
from genwright.testing.stores import make_run
from genwright_storage import queries, rows
from genwright_storage.store import SQLStore

BATCH, SINGLE, ROUNDS = 1000, 300, 3

Measured = tuple[str, int, list[tuple[float, float]]]


def records(run: str, count: int, start: int = 0) -> list[Record]:
    """Molecules as a generator draws them: a spelling of 40 characters, and a key that falls anywhere."""
    return [
        Record(
            run=run,
            index=index,
            seed=7,
            payload=(smiles := f"CC(=O)Nc1ccc(OCC(C)C(=O)N2CCC2)cc1{index:06d}").encode(),
            media_type="chemical/x-daylight-smiles",
            canonical=smiles,
            identity=hashlib.md5(smiles.encode()).hexdigest()[:27].upper(),
        )
        for index in range(start, start + count)
    ]


@contextlib.contextmanager
def fresh() -> Iterator[tuple[SQLStore, str, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        with contextlib.closing(SQLStore(f"sqlite:///{path}")) as store:
            run = make_run()
            store.put_run(run)
            yield store, run.id, path


def timed(call: Callable[[], object]) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


def raw(count: int, batch: int) -> tuple[float, float]:
    """The same rows into the same table, indexes and constraints included, by sqlite3 alone and without evidence."""
    with fresh() as (store, run, path):
        made = [rows.sample_row(record) for record in records(run, count)]
        store.put_samples(records(run, 1, count))
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for pragma in ("synchronous=FULL", "foreign_keys=ON", "cache_size=-65536", "wal_autocheckpoint=16384"):
                connection.execute(f"PRAGMA {pragma}")

            def write() -> None:
                for start in range(0, count, batch):
                    connection.execute("BEGIN IMMEDIATE")
                    part = [(1, 1, *row) for row in made[start : start + batch]]
                    connection.executemany(queries.INSERT_SAMPLES, part)
                    connection.execute("COMMIT")

            return timed(write)


def ingest(count: int, batch: int) -> tuple[float, float]:
    with fresh() as (store, run, _):
        made = records(run, count)

        def write() -> None:
            for start in range(0, count, batch):
                store.put_samples(made[start : start + batch])

        return timed(write)


def read(count: int, use: Callable[[SQLStore], object]) -> tuple[float, float]:
    with fresh() as (store, run, _):
        made = records(run, count)
        for start in range(0, count, BATCH):
            store.put_samples(made[start : start + BATCH])
        return timed(lambda: use(store))


def verified(store: SQLStore) -> None:
    assert list(store.verify()) == []


def measured(name: str, count: int, call: Callable[[], tuple[float, float]]) -> Measured:
    print(f"measuring: {name}", file=sys.stderr)
    return name, count, [call() for _ in range(ROUNDS)]


def cases(count: int) -> list[Measured]:
    return [
        measured("sqlite3 alone, batches of 1,000, no evidence", count, lambda: raw(count, BATCH)),
        measured("put_samples, batches of 1,000", count, lambda: ingest(count, BATCH)),
        measured("sqlite3 alone, one row a commit, no evidence", SINGLE, lambda: raw(SINGLE, 1)),
        measured("put_samples, one row a commit", SINGLE, lambda: ingest(SINGLE, 1)),
        measured("verify", count, lambda: read(count, verified)),
        measured("samples()", count, lambda: read(count, lambda store: sum(1 for _ in store.samples()))),
    ]


def table(found: list[Measured]) -> Iterator[str]:
    yield "| | rows/s | min to max | processor, µs a row |"
    yield "|---|---:|---:|---:|"
    for name, count, times in found:
        rates = sorted(count / wall for wall, _ in times)
        cpu = statistics.median(cpu for _, cpu in times) / count * 1e6
        yield f"| {name} | {statistics.median(rates):,.0f} | {rates[0]:,.0f} to {rates[-1]:,.0f} | {cpu:.1f} |"


def import_seconds() -> str:
    code = "import time; t = time.perf_counter(); import genwright_storage.store; print(time.perf_counter() - t)"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env) for _ in range(5)]
    return f"{statistics.median(float(run.stdout) for run in runs):.2f} s"


def memory(count: int) -> str:
    """How much more memory the process takes at its peak for reading all samples than for reading a tenth."""
    with fresh() as (store, run, _):
        for start in range(0, count, 10_000):
            made = records(run, 10_000, start)
            store.put_samples(made)
        del made
        peaks = []
        for limit in (count // 10, count):
            for _ in store.samples(limit=limit):
                pass
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return f"{peaks[1] - peaks[0]:.1f} MiB more at the peak for reading {count:,} samples than for {count // 10:,}"


def report(count: int) -> str:
    load = os.getloadavg()[0]
    found = cases(count)
    return "\n".join(
        [
            "# The store",
            "",
            f"`python benchmarks/store.py --rows {count}`, {time.strftime('%Y-%m-%d')}. "
            f"Python {platform.python_version()}, "
            f"SQLite {sqlite3.sqlite_version}, SQLAlchemy {sqlalchemy.__version__}.",
            f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, load {load:.1f} before.",
            "SQLite writes with `synchronous=FULL`: what is acknowledged is on the disk. Where the load is above the",
            "number of processors, read the last column: so long has a row a processor to itself.",
            "",
            *table(found),
            "",
            f"- Importing `genwright_storage.store` takes {import_seconds()}.",
            f"- {memory(max(count, 10_000))}.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--write", type=Path)
    arguments = parser.parse_args()
    text = report(arguments.rows)
    print(text)
    if arguments.write:
        arguments.write.parent.mkdir(parents=True, exist_ok=True)
        arguments.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
