from __future__ import annotations

from benchmarks.cases.peers import compared
from benchmarks.clock import Repeated
from benchmarks.row import at_least


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
