from __future__ import annotations

import csv
from pathlib import Path

import pytest

import genwright as gw
from genwright.store import open_store
from genwright.testing.stores import make_record, make_run


@pytest.mark.parametrize("item", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://x","y")', "\t=1", "\r=1"])
def test_a_spreadsheet_takes_no_cell_for_a_formula(tmp_path: Path, item: str) -> None:
    """Excel and others compute what begins so, and can be made to send what else is in the sheet."""
    store, run = open_store("memory:"), make_run(model=item)
    store.put_run(run)
    store.put_samples([make_record(run, 0, payload=item.encode(), flaw=item, canonical=item, identity=item)])
    gw.export(tmp_path / "a.csv", store=store)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert {row[name] for name in ("item", "flaw", "canonical", "identity", "model")} == {f"'{item}"}


def test_other_cells_are_as_they_are_numbers_below_zero_too(tmp_path: Path) -> None:
    store, run = open_store("memory:"), make_run()
    store.put_run(run)
    items = ["C=C", "[O-]", "a@b", "'quoted'", " =1", ""]
    store.put_samples([make_record(run, i, payload=item.encode(), seed=-5) for i, item in enumerate(items)])
    gw.export(tmp_path / "a.csv", store=store)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["item"] for row in rows] == items
    assert {row["seed"] for row in rows} == {"-5"}
