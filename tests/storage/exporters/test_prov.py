from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prov.constants import PROV
from prov.model import ProvAgent, ProvAssociation, ProvDerivation, ProvDocument, ProvGeneration, ProvUsage

import genwright as gw
from genwright.run import Run
from genwright.store import Store
from genwright.testing.stores import make_record, make_run

Read = Callable[[Path], ProvDocument]


@pytest.fixture
def graph(store: Store, run: Run, tmp_path: Path) -> ProvDocument:
    assert gw.export(tmp_path / "a.prov.json", store=store) == (5, True)
    return ProvDocument.deserialize(tmp_path / "a.prov.json", format="json")


def pairs(graph: ProvDocument, kind: type) -> list[tuple[str, str]]:
    """Return the two ends of each relation of a kind."""
    return [tuple(str(name) for name in relation.args[:2]) for relation in graph.get_records(kind)]  # type: ignore[misc]


def test_the_chain_leads_from_a_sample_to_its_data(graph: ProvDocument, run: Run) -> None:
    sample = f"sample:{run.id}/0"
    made_by = dict(pairs(graph, ProvGeneration))[sample]
    assert made_by == f"run:{run.id}"
    model = dict(pairs(graph, ProvUsage))[made_by]
    assert model == f"model:{'ab' * 32}"
    derived = pairs(graph, ProvDerivation)
    assert (sample, model) in derived
    assert {source for made, source in derived if made == model} == {f"data:{'da' * 32}", f"model:{'57' * 32}"}
    (data,) = graph.get_record(f"data:{'da' * 32}")
    assert data.label == "moses"


def test_what_is_told_of_a_sample_is_what_is_stored(graph: ProvDocument, store: Store, run: Run) -> None:
    for record in store.samples():
        (entity,) = graph.get_record(f"sample:{record.id}")
        told = {str(name): value for name, value in entity.attributes}
        assert told["genwright:sha256"] == hashlib.sha256(record.payload).hexdigest()
        assert told["genwright:seed"].value == str(record.seed)
        assert told.get("genwright:flaw") == record.flaw


def test_a_run_tells_when_it_was_and_what_software_drew(graph: ProvDocument, run: Run) -> None:
    (activity,) = graph.get_record(f"run:{run.id}")
    assert run.finished is not None
    assert (activity.get_startTime().timestamp(), activity.get_endTime().timestamp()) == pytest.approx(
        (run.started / 1e9, run.finished / 1e9), abs=1e-5
    )
    labels = {agent.label for agent in graph.get_records(ProvAgent)}
    assert labels == {"genwright-molecules 0.1.0", "torch 2.13.0", "rdkit 2026.9.1", "python 3.11.7"}
    assert all(PROV["SoftwareAgent"] in agent.get_asserted_types() for agent in graph.get_records(ProvAgent))
    associated = pairs(graph, ProvAssociation)
    assert len(associated) == 4
    assert {one for one, _ in associated} == {f"run:{run.id}"}


def test_runs_share_the_model_and_software_that_they_share(store: Store, run: Run, tmp_path: Path) -> None:
    other = make_run(parent=run.id, kind="replay")
    store.put_run(other)
    store.put_samples([make_record(other, 0)])
    gw.export(tmp_path / "a.prov.json", store=store)
    data = json.loads((tmp_path / "a.prov.json").read_text())
    assert len(data["activity"]) == 2
    assert [name for name in data["entity"] if name.startswith(("model:", "data:"))] == [
        f"model:{'ab' * 32}",
        f"data:{'da' * 32}",
    ]
    assert len(data["agent"]) == 4
    (informed,) = data["wasInformedBy"].values()
    assert informed == {"prov:informed": f"run:{other.id}", "prov:informant": f"run:{run.id}"}


def test_names_of_any_kind_stay_names(store: Store, tmp_path: Path) -> None:
    """A name in PROV-JSON is prefix:name, and what comes from outside may hold anything."""
    odd: Any = {"checkpoint": "a b:c/ä%", "model": 'x"<y>', "domain": "d"}
    run = make_run(**odd)
    store.put_run(run)
    store.put_samples([make_record(run, 0, flaw="<script>alert(1)</script>")])
    gw.export(tmp_path / "a.prov.json", store=store)
    graph = ProvDocument.deserialize(tmp_path / "a.prov.json", format="json")
    assert dict(pairs(graph, ProvUsage)) == {f"run:{run.id}": "model:a%20b%3Ac/%C3%A4%25"}
