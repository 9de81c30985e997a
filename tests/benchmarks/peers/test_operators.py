"""PyTorch's operators do what the operations do that they are measured beside."""

from __future__ import annotations

import torch

from benchmarks.cases.kernels.operations import spec
from benchmarks.peers.operators import OPERATORS, operators
from genwright.kernels.catalogue import operation, operations
from genwright.kernels.spec import Call


def test_attention_of_one_query_is_that_of_the_operation() -> None:
    noise = torch.Generator().manual_seed(1)
    q, k, v = (torch.randn(size, generator=noise) for size in ((2, 4, 32), (2, 2, 9, 32), (2, 2, 9, 32)))
    found = operators("decode_attention", Call(name="", args=(q, k, v)))["SDPA of one query"]()
    assert isinstance(found, torch.Tensor)
    torch.testing.assert_close(found[:, :, 0], operation("decode_attention").reference(q, k, v))


def test_what_targets_cost_and_normals_are_of_the_same_shape() -> None:
    logits, targets = torch.randn(3, 5), torch.tensor([0, 4, 2])
    cost = operators("cross_entropy", Call(name="", args=(logits, targets)))["F.cross_entropy"]()
    assert isinstance(cost, torch.Tensor)
    torch.testing.assert_close(cost, operation("cross_entropy").reference(logits, targets))
    normals = operators("philox_normal", Call(name="", args=(7, "step", torch.arange(3), 0, 5)))["torch.randn"]()
    assert isinstance(normals, torch.Tensor)
    assert normals.shape == (3, 5)


def test_of_other_operations_the_reference_is_what_pytorch_has() -> None:
    for name in set(operations()) - {"decode_attention", "cross_entropy", "philox_normal"}:
        assert operators(name, next(iter(spec(name).awkward(torch.float32, torch.device("cpu"))))) == {}
    assert all(set(names) <= set(operation(name).names) for name, names in OPERATORS.items())
