"""The same weights give the same logits by transformers and by ours."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from benchmarks.peers.transformers_gpt2 import drawing
from benchmarks.peers.transformers_qwen3 import qwen3
from genwright.backbones.transformer import Transformer
from genwright.readings import Condition
from genwright.space import ConditionSpace, Tokens


def network(*, shared: int = 1) -> Transformer:
    """A transformer of which nothing adds zeros, and no gain is 1."""
    torch.manual_seed(1)
    space = Tokens(shape=(20,), vocab_size=10)
    made = Transformer(
        space=space, conditions=ConditionSpace(), width=32, depth=2, heads=4, shared=shared, activation="swiglu"
    )
    for weight in made.parameters():
        nn.init.normal_(weight, mean=float(weight.ndim == 1), std=0.2)
    return made.eval().requires_grad_(False)


def test_without_transformers_there_is_no_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match="transformers"):
        qwen3(network())


@pytest.mark.parametrize("shared", [1, 2])
@pytest.mark.filterwarnings("default")
def test_its_logits_are_ours(shared: int) -> None:
    pytest.importorskip("transformers", reason="a peer of the benchmark that the tests do not install")
    ours = network(shared=shared)
    tokens = torch.randint(0, 10, (3, 20), generator=torch.Generator().manual_seed(2))
    tokens[:, 0] = ours.start
    expected = ours(tokens, Condition.none(3))
    found = qwen3(ours)(tokens).logits[..., :10]
    assert expected.std() > 0.1
    assert (found - expected).abs().max() < 1e-4


@pytest.mark.filterwarnings("default")
def test_it_draws_rows_of_the_length_that_is_asked_for() -> None:
    pytest.importorskip("transformers", reason="a peer of the benchmark that the tests do not install")
    ours = network()
    drawn = drawing(qwen3(ours), start=ours.start, rows=3, length=5)()
    assert drawn.shape == (3, 1 + 5)
