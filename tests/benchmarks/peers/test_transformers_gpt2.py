from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from benchmarks.peers.transformers_gpt2 import Size, gpt2, llama

SIZE = Size(vocabulary=11, length=7, width=8, depth=1, heads=2, kept=1)
PEERS = [gpt2, llama]


@pytest.mark.parametrize("peer", PEERS)
def test_without_transformers_there_is_no_peer(peer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match="transformers"):
        peer(SIZE, rows=2, length=3, dtype=torch.float32)


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.filterwarnings("default")
def test_a_peer_draws_rows_of_the_length_that_is_asked_for(peer: Callable[..., Any]) -> None:
    pytest.importorskip("transformers", reason="a peer of the benchmark that the tests do not install")
    drawn = peer(SIZE, rows=3, length=5, dtype=torch.float32)()
    assert drawn.shape == (3, 1 + 5)
    assert drawn.min() >= 0
    assert drawn.max() < 11
