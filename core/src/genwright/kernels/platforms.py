"""Where kernels run: whether Triton or numba is there, and whether a tensor is where its kernels reach it."""

from __future__ import annotations

import os
from collections.abc import Collection
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

__all__ = [
    "differentiated",
    "interpreted",
    "off_processor",
    "off_triton",
    "unlike",
    "without_gpu",
    "without_numba",
    "without_triton",
]

INTERPRET = "TRITON_INTERPRET"


def interpreted() -> bool:
    """Return whether Triton's interpreter runs kernels, on a CPU: slowly, to test them."""
    return os.environ.get(INTERPRET) == "1"


@cache
def without_triton() -> str | None:
    """Return the reason why this machine runs no Triton kernels, or None if it does."""
    if find_spec("triton") is None:
        return "Triton is not installed; pip install 'genwright-core[kernels]' adds it where it runs"
    if not interpreted() and not torch.cuda.is_available():
        return f"there is no GPU that PyTorch can use, and {INTERPRET}=1 is not set"
    return None


@cache
def without_gpu() -> str | None:
    """Return the reason why nothing runs on a GPU of NVIDIA here, or None if it can."""
    return None if torch.cuda.is_available() else "there is no GPU that PyTorch can use"


@cache
def without_numba() -> str | None:
    """Return the reason why this machine compiles no loops for its processor, or None if it does."""
    if find_spec("numba") is None:
        return "numba is not installed; pip install 'genwright-core[kernels]' adds it"
    return None


def off_triton(*tensors: Tensor | None) -> str | None:
    """Return the reason why Triton kernels do not reach some tensors, or None if they do."""
    there = [tensor for tensor in tensors if tensor is not None]
    if len({tensor.device for tensor in there}) > 1:
        return f"tensors are on several devices: {', '.join(sorted({str(tensor.device) for tensor in there}))}"
    if interpreted():
        return None
    if there[0].device.type != "cuda":
        return f"tensors are on {there[0].device}, and Triton runs on GPUs"
    current = torch.cuda.current_device()
    if there[0].device.index != current:
        return f"tensors are on {there[0].device}, and the current GPU is cuda:{current}"
    return None


def off_processor(*tensors: Tensor | None) -> str | None:
    """Return the reason why loops for the processor do not reach some tensors, or None if they do."""
    for tensor in tensors:
        if tensor is not None and tensor.device.type != "cpu":
            return f"tensors are on {tensor.device}, and numba runs on the processor"
    return None


def unlike(known: Collection[torch.dtype], *tensors: Tensor) -> str | None:
    """Return the reason why tensors are not of one dtype of 16 bits, or float32, that is known, or None if they are."""
    if {tensor.dtype for tensor in tensors} == {tensors[0].dtype} <= set(known):
        return None
    return f"it takes one dtype of 16 bits, or float32; got {', '.join(str(tensor.dtype) for tensor in tensors)}"


def differentiated(*tensors: Tensor | None) -> str | None:
    """Return the reason why an implementation without gradients cannot take some tensors, or None if it can."""
    if torch.is_grad_enabled() and any(tensor is not None and tensor.requires_grad for tensor in tensors):
        return "it has no gradients, and some tensor asks for them"
    return None
