from __future__ import annotations

import torch

from genwright.seeds import seeded_torch
from genwright_audio.block import KERNEL, Block


def test_a_frame_is_changed_by_those_within_reach_and_by_no_other() -> None:
    with seeded_torch(1):
        block, x = Block(4), torch.randn(1, 20, 4)
    moved = x.clone()
    moved[0, 10] += 1
    changed = (block(moved) - block(x)).abs().amax(-1)[0].nonzero()[:, 0].tolist()
    assert changed == list(range(10 - KERNEL // 2, 11 + KERNEL // 2))


def test_it_begins_near_to_what_it_is_given() -> None:
    with seeded_torch(1), torch.no_grad():
        block, x = Block(16), torch.randn(2, 20, 16)
    assert 0 < float((block(x) - x).detach().std()) < 0.5
