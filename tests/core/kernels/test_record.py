"""What was chosen while something ran."""

from __future__ import annotations

import json

import torch
from torch import Tensor

from genwright.kernels import Operation, recorded, use
from genwright.kernels.record import Chosen, add, told


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


def test_a_record_goes_on_with_one_of_before(halve: Operation[[Tensor], Tensor]) -> None:
    chosen: Chosen = {"halve": ["pairs"], "geglu": ["triton"]}
    with recorded(chosen):
        halve(torch.ones(2))
    assert chosen == {"halve": ["pairs", "reference"], "geglu": ["triton"]}
    add(chosen, {"halve": ["reference", "sums"], "linear": ["onednn"]})
    assert chosen == {"halve": ["pairs", "reference", "sums"], "geglu": ["triton"], "linear": ["onednn"]}


def test_a_record_is_told_in_a_sentence() -> None:
    assert told({"linear": ["onednn", "numba"], "attention": ["sdpa"]}) == (
        "kernels: attention by sdpa; linear by onednn, numba"
    )
    assert told({}) == ""
