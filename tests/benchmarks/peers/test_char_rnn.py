from __future__ import annotations

import torch

from benchmarks.peers.char_rnn import CharRNN


def test_a_batch_goes_on_until_its_longest_row_has_ended() -> None:
    drawn = CharRNN().eval().draw([3, 5, 4])
    assert drawn.shape == (3, 6)
    assert drawn.min() >= 0
    assert drawn.max() < 30


def test_the_network_is_as_large_as_the_published_one() -> None:
    count = sum(parameter.numel() for parameter in CharRNN().parameters())
    assert count == 4 * 768 * (30 + 768 + 2) + 2 * 4 * 768 * (768 + 768 + 2) + 30 * 769
    assert torch.float32 == CharRNN().head.weight.dtype
