"""What was chosen while something ran."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from genwright.kernels import Operation, recorded, use


def test_each_choice_is_written_down_once_in_order_for_all_who_ask(halve: Operation[[Tensor], Tensor]) -> None:
    x = torch.ones(2)
    with recorded() as whole:
        halve(x)
        with recorded() as part, use(halve="pairs"):
            halve(x)
            halve(x)
        halve(x)
    halve(x)
    assert json.loads(json.dumps(whole)) == {"halve": ["reference", "pairs"]}
    assert part == {"halve": ["pairs"]}
