"""What PyTorch has for a call of an operation, as one would write it without Genwright."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from genwright.kernels.spec import Call

__all__ = ["OPERATORS", "operators"]

Work = Callable[[], object]

OPERATORS: Mapping[str, tuple[str, ...]] = {"attention": ("sdpa", "flash", "cudnn", "efficient")}
"""The implementations of operations that are nothing but operators of PyTorch. Of others, the reference is."""


def operators(operation: str, call: Call) -> dict[str, Work]:
    """Return what else PyTorch does such a call with, by name; nothing where the reference is that."""
    found = _FOUND.get(operation)
    return {} if found is None else found(*call.args, **call.keywords)


def _decode_attention(q: Tensor, k: Tensor, v: Tensor, **others: Any) -> dict[str, Work]:
    shared = q.shape[1] != k.shape[1]
    query = q[:, :, None]
    return {"SDPA of one query": lambda: F.scaled_dot_product_attention(query, k, v, enable_gqa=shared)}


def _philox_normal(seed: int, purpose: str, samples: Tensor, step: int | Tensor, count: int) -> dict[str, Work]:
    return {"torch.randn": lambda: torch.randn(len(samples), count, device=samples.device)}


def _cross_entropy(logits: Tensor, targets: Tensor, **others: Any) -> dict[str, Work]:
    return {"F.cross_entropy": lambda: F.cross_entropy(logits, targets, reduction="none")}


_FOUND: Mapping[str, Callable[..., dict[str, Work]]] = {
    "decode_attention": _decode_attention,
    "philox_normal": _philox_normal,
    "cross_entropy": _cross_entropy,
}
