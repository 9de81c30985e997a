"""What must hold of a format of recorded samples."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from genwright.exporters.row import Origin
from genwright.options import describe, given_to
from genwright.run import Environment, Run, new_run_id
from genwright.specs import ExporterSpec
from genwright.store import Record, open_store
from genwright.testing.check import Check, checks, require

__all__ = ["check_exporter"]

_HOSTILE = ("../../x", "=1+1", "<script>", "a\r\nb", "\u2028", "日本", "")


def check_exporter(spec: ExporterSpec, *, of: str = "") -> Iterator[Check]:
    """Check that a format takes samples of any domain, all of them, and writes nothing but what it is asked for.

    of: what to call the format in the names of the checks
    """
    required = [option.name for option in describe(spec.load(), given=given_to(spec.kind)) if option.required]
    if required:
        reason = f"it needs {' and '.join(required)}, which only its author can choose"
        yield Check(name=f"{of}: it keeps its contract" if of else "it keeps its contract", skipped=reason)
        return
    yield from checks(_FACTS, spec, of=of)


def _takes_every_sample(spec: ExporterSpec) -> None:
    with _written(spec, _samples()) as (_, left):
        require(not left, f"it left {left} of {len(_samples())} samples")


def _writes_where_it_is_asked_to(spec: ExporterSpec) -> None:
    with _written(spec, _samples()) as (path, _):
        beside = sorted(other.name for other in path.parent.iterdir() if other != path)
        require(path.exists(), f"there should be {path.name}; nothing is there")
        require(not beside, f"beside {path.name} there should be nothing; it wrote {', '.join(beside)}")


def _keeps_an_error_of_reading(spec: ExporterSpec) -> None:
    def breaking() -> Iterator[Origin]:
        yield _samples()[0]
        raise _Broken

    try:
        with _written(spec, breaking()):
            pass
    except _Broken:
        return
    require(False, "an error of reading the samples should be raised as it is; it was caught")


_FACTS: dict[str, Callable[..., None]] = {
    "it takes every sample, of any domain": _takes_every_sample,
    "it writes what it is asked for and nothing beside": _writes_where_it_is_asked_to,
    "an error of reading the samples is raised as it is": _keeps_an_error_of_reading,
}


class _Broken(Exception):
    """What reading samples raises."""


@contextmanager
def _written(spec: ExporterSpec, samples: Iterable[Origin]) -> Iterator[tuple[Path, int]]:
    """Give the place to which samples were written in the format, and how many of them were not taken."""
    unread = iter(samples)
    with tempfile.TemporaryDirectory(prefix="genwright-") as folder, closing(open_store("memory:")) as store:
        path = Path(folder, f"samples{next(iter(spec.endings), '')}")
        with warnings.catch_warnings():
            # A format may say that something could not be told, such as who signed.
            warnings.simplefilter("ignore")
            spec.load()(unread, path, store=store)
        yield path, len(list(unread))


def _samples() -> list[Origin]:
    """Return samples of two runs, of a domain that nobody has installed; some are no text."""
    environment = Environment(python="3.11", platform="x", device="cpu", threads=1, packages={}, plugins=[])
    found = []
    for _ in range(2):
        run = Run(id=new_run_id(), kind="generate", domain="unheard-of", environment=environment, planned=8)
        for index, text in enumerate(_HOSTILE):
            kind = "application/octet-stream" if index % 2 else "text/plain"
            record = Record(run=run.id, index=index, seed=2**64 - 1, payload=text.encode(), media_type=kind, flaw=text)
            found.append((record, run))
    return found
