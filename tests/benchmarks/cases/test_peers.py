from __future__ import annotations

import sys

import pytest
import torch

from benchmarks.cases import peers
from benchmarks.cases.peers import compared
from benchmarks.clock import Repeated
from benchmarks.row import at_least
from benchmarks.setting import Setting


def test_a_peer_is_compared_turn_by_turn() -> None:
    rates = {"ours": Repeated((30.0, 20.0, 10.0)), "GPT-2": Repeated((10.0, 10.0, 10.0))}
    rate, times = compared("tokens", rates, {"GPT-2": at_least(1.5)}, "how")
    assert (rate.value, rate.spread, rate.peers, rate.note) == (20.0, (10.0, 30.0), {"GPT-2": 10.0}, "how")
    assert (times.value, times.spread, times.verdict) == (2.0, (1.0, 3.0), "pass")


def test_a_peer_that_is_not_installed_is_told() -> None:
    rate, times = compared(
        "tokens", {"ours": Repeated((30.0,))}, {"GPT-2": at_least(1.5)}, "transformers is not installed"
    )
    assert rate.value == 30.0
    assert (times.value, times.verdict, times.note) == (None, "not measured", "transformers is not installed")


class Slight:
    """A stand-in for CharRNN, whose own network takes seconds."""

    def eval(self) -> Slight:
        return self

    def draw(self, lengths: list[int]) -> torch.Tensor:
        return torch.zeros(len(lengths), max(lengths) + 1)


def test_without_transformers_ours_is_measured_and_the_rest_told(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr(peers, "_ROWS", 16)
    monkeypatch.setattr(peers, "CharRNN", Slight)
    threads = torch.get_num_threads()
    rows = {row.name: row for row in peers.rows(setting)}
    assert torch.get_num_threads() == threads
    assert len(rows) == 2 * 2 + 2
    assert all(row.value is not None for name, row in rows.items() if "GPT-2" not in name)
    missing = next(row for name, row in rows.items() if name.endswith("ours to GPT-2's") and "float32" in name)
    assert missing.verdict == "not measured"
    assert missing.note.startswith("transformers is not installed (")
    assert missing.note.endswith("pip install -r benchmarks/requirements.txt.")
    assert rows["molecules, float32, 16 rows: ours to CharRNN's"].value is not None
