"""Several processes draw what one draws, with the components that are installed."""

from __future__ import annotations

import genwright as gw

MANY = 1100


def test_two_workers_draw_what_one_draws() -> None:
    alone = gw.generate("molecules", MANY, seed=5, store=False)
    shared = gw.generate("molecules", MANY, seed=5, store=False, engine=gw.use("local", workers=2))
    assert shared.items == alone.items
    assert [sample.index for sample in shared] == list(range(MANY))
