"""Samples as a graph of what came from what: W3C PROV, in PROV-JSON.

Source: W3C Recommendation PROV-DM (2013); W3C Member Submission PROV-JSON (2013).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final
from urllib.parse import quote

from prov.constants import PROV, XSD
from prov.model import Literal, ProvDocument

from genwright.exporters.row import Origin
from genwright.run import Run
from genwright.store import Record, Store
from genwright_storage.exporters.ancestry import Ancestry, with_ancestry
from genwright_storage.exporters.moment import moment

__all__ = ["write"]

_HOME = "https://genwright.dev/"


def write(samples: Iterator[Origin], path: Path, *, store: Store) -> None:
    """Write a graph to a new file: samples, the runs that drew them, models, data sets and software.

    The graph is held in memory, so choose the samples.
    """
    graph = _Graph()
    for record, run, ancestry in with_ancestry(samples, store):
        graph.add(record, run, ancestry)
    with path.open("x", encoding="utf-8") as stream:
        graph.document.serialize(stream, format="json")


@final
class _Graph:
    def __init__(self) -> None:
        self.document = ProvDocument()
        for prefix in ("sample", "run", "model", "data", "software"):
            self.document.add_namespace(prefix, f"{_HOME}{prefix}/")
        self.document.add_namespace("genwright", f"{_HOME}ns#")
        self._added: set[str] = set()

    def add(self, record: Record, run: Run, ancestry: Ancestry) -> None:
        """Add a sample, with what it comes from if that is not there yet."""
        activity, model = self._run(run, ancestry)
        facts = {
            "prov:type": _type("Sample"),
            "genwright:sha256": hashlib.sha256(record.payload).hexdigest(),
            "genwright:mediaType": record.media_type,
            "genwright:index": record.index,
            "genwright:seed": _unsigned(record.seed),
            "genwright:flaw": record.flaw,
            "genwright:identity": record.identity,
        }
        sample = self._entity(f"sample:{record.id}", facts)
        self.document.wasGeneratedBy(sample, activity)
        if model:
            self.document.wasDerivedFrom(sample, model, activity=activity)

    def _run(self, run: Run, ancestry: Ancestry) -> tuple[str, str]:
        """Return the names of a run and of its model, "" if it has none."""
        name, model = f"run:{run.id}", self._model(run, ancestry)
        if self._is_new(name):
            facts = {
                "prov:type": _type("Run"),
                "genwright:kind": run.kind,
                "genwright:domain": run.domain,
                "genwright:seed": _unsigned(run.seed),
                "genwright:planned": run.planned,
                "genwright:state": run.state,
                "genwright:environment": run.environment.digest,
            }
            ended = None if run.finished is None else moment(run.finished)
            self.document.activity(name, moment(run.started), ended, facts)
            if model:
                self.document.used(name, model)
            if run.parent:
                self.document.wasInformedBy(name, f"run:{quote(run.parent)}")
            self._associate(name, run)
        return name, model

    def _model(self, run: Run, ancestry: Ancestry) -> str:
        if not run.checkpoint:
            return ""
        name = f"model:{quote(run.checkpoint)}"
        if self._is_new(name):
            facts = {"prov:type": _type("Model"), "prov:label": run.model, "genwright:domain": run.domain}
            self._entity(name, facts)
            if ancestry.data_sha256:
                self.document.wasDerivedFrom(name, self._data(ancestry))
            if ancestry.start:
                self.document.wasDerivedFrom(name, f"model:{quote(ancestry.start)}")
        return name

    def _data(self, ancestry: Ancestry) -> str:
        name = f"data:{quote(ancestry.data_sha256)}"
        if self._is_new(name):
            facts = {"prov:type": _type("DataSet"), "prov:label": ancestry.data}
            self._entity(name, facts | {"genwright:sha256": ancestry.data_sha256})
        return name

    def _associate(self, activity: str, run: Run) -> None:
        environment = run.environment
        plugins = [tuple(plugin.rpartition(" ")[::2]) for plugin in environment.plugins]
        libraries = [*plugins, *environment.packages.items(), ("python", environment.python)]
        for library, version in dict.fromkeys(libraries):
            name = f"software:{quote(f'{library}-{version}')}"
            if self._is_new(name):
                label = f"{library} {version}"
                self.document.agent(name, {"prov:type": PROV["SoftwareAgent"], "prov:label": label})
            self.document.wasAssociatedWith(activity, name)

    def _entity(self, name: str, facts: dict[str, Any]) -> Any:
        return self.document.entity(name, {key: value for key, value in facts.items() if value not in (None, "")})

    def _is_new(self, name: str) -> bool:
        known = name in self._added
        self._added.add(name)
        return not known


def _type(name: str) -> Literal:
    return Literal(f"genwright:{name}", XSD["QName"])


def _unsigned(number: int) -> Literal:
    # As a plain number, readers in other languages would round what is over 2^53.
    return Literal(str(number % (1 << 64)), XSD["unsignedLong"])
