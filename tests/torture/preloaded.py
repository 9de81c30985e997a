"""Imported by the process that others are forked from: all that opening a store and writing to it would load each time.

Some of it is imported when it is first used, so it is used once. What a process loads later would be among the calls
that are watched, and would be made to fail.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from genwright.store import open_store
from genwright.testing.stores import make_run
from tests.torture.aftermath import aftermath
from tests.torture.processes import keys_in
from tests.torture.workload import batches

__all__ = ["aftermath"]

with tempfile.TemporaryDirectory() as _folder, keys_in(Path(_folder) / "keys"):
    _run, _url = make_run(), f"sqlite:///{_folder}/store"
    _store = open_store(_url)
    _store.put_run(_run)
    for _batch, _ in zip(batches(_run), range(4), strict=False):
        _store.put_samples(_batch)
    _store.finish_run(_run.id, "finished")
    _store.close()
    aftermath(_url, [(_run, 0)])
