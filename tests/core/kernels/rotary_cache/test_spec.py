"""What is said of `rotary_cache`."""

from __future__ import annotations

import torch

from genwright.kernels.catalogue import operation
from genwright.kernels.rotary_cache.spec import SPEC

CPU = torch.device("cpu")


def test_it_is_in_the_catalogue() -> None:
    assert operation("rotary_cache") is SPEC.operation


def test_traffic_and_work_are_those_of_the_heads() -> None:
    call = next(iter(SPEC.awkward(torch.float32, CPU)))
    inward = call.args[0]
    assert SPEC.traffic(*call.args) == 2 * inward.nbytes + 2 * 3 * 32 * 4
    assert SPEC.work(*call.args) == 8 * inward.numel()


def test_examples_stay_within_the_cache() -> None:
    for call in (*SPEC.awkward(torch.float32, CPU), *SPEC.usual(torch.float32, CPU)):
        *_, at, keys, _ = call.args
        assert (at < keys.shape[2]).all()
