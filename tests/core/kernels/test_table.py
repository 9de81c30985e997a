"""Tables of what is fastest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import torch

from genwright.errors import DataError
from genwright.kernels.catalogue import operation
from genwright.kernels.table import TUNED, architecture, digest, table


def test_an_architecture_that_was_not_measured_has_no_order(tmp_path: Path) -> None:
    assert table("sm12", tmp_path).order("attention", "causal") == ()


def test_a_table_gives_the_order_of_a_case_or_of_all_others(tmp_path: Path) -> None:
    priorities = {"attention": {"causal": ["triton"], "": ["cudnn", "triton"]}, "geglu": {"wide": ["triton"]}}
    (tmp_path / "sm90.json").write_text(json.dumps({"measured": {"torch": "2.11"}, "priorities": priorities}))
    found = table("sm90", tmp_path)
    assert found.measured == {"torch": "2.11"}
    assert found.order("attention", "causal") == ("triton",)
    assert found.order("attention", "dense") == ("cudnn", "triton")
    assert found.order("geglu", "narrow") == found.order("other", "") == ()


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"measured": {}, "priorities": {"geglu": ["triton"]}}', '{"priorities": {}}']
)
def test_a_file_that_is_no_table_is_told_with_its_path(tmp_path: Path, text: str) -> None:
    (tmp_path / "sm90.json").write_text(text)
    with pytest.raises(DataError, match=r"sm90\.json should hold .* Measure it again"):
        table("sm90", tmp_path)


def test_names_that_are_not_a_list_of_texts_are_told(tmp_path: Path) -> None:
    (tmp_path / "sm90.json").write_text('{"measured": {}, "priorities": {"geglu": {"": "triton"}}}')
    with pytest.raises(DataError, match="'triton' is not a list of names"):
        table("sm90", tmp_path)


def test_tables_that_ship_name_operations_and_implementations_that_exist() -> None:
    for path in TUNED.glob("*.json"):
        for name, cases in table(path.stem).priorities.items():
            for names in cases.values():
                assert set(names) <= set(operation(name).names), (path, name)


def test_devices_go_by_their_type_and_gpus_by_their_capability(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genwright.kernels.table._capability", {1: 90}.__getitem__)
    assert architecture(torch.device("cpu")) == "cpu"
    assert architecture(torch.device("cuda:1")) == ("cuda" if torch.version.hip else "sm90")


def test_a_table_is_known_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "sm90.json").write_text("{}")
    assert digest("sm90", tmp_path) == hashlib.sha256(b"{}").hexdigest()
    assert digest("sm12", tmp_path) == ""
