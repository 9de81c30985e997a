"""Attention in Triton: a forward pass with the softmax taken as the keys go by, and a backward pass without atomics.

Tiles depend on the head's width, the dtype, the GPU, whether there is a bias or causality, and how many keys there are
unless they are packed; every query goes through its keys in the same order. So its bits do not depend on other rows.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable
from triton.tools.tensor_descriptor import TensorDescriptor

from genwright.kernels.attention.programs import (
    LINE,
    LINES,
    MASKS,
    POINTERS,
    backward_keys,
    backward_queries,
    forward_pass,
)
from genwright.kernels.attention.reference import check, longest_of
from genwright.kernels.attention.tiles import Tiles, forward_tiles, key_tiles, query_tiles
from genwright.kernels.table import capability

__all__ = ["attention"]


def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    bias: Tensor | None = None,
    starts: Tensor | None = None,
    longest: int | None = None,
    causal: bool = False,
    window: int | None = None,
    scale: float | None = None,
) -> Tensor:
    """Return what `reference.attention` does, q [B, N, T, H], k and v [B, K, S, H], for 16-bit types and float32.

    Sums are in float32; weights, and the gradients of scores, are rounded to the dtype of the inputs before they
    multiply. The gradient of a bias takes B * N * T * S numbers of its dtype.

    Raises what the reference raises, and ShapeError if starts do not rise from 0 to T, unless longest is said.
    """
    check(q, k, v, bias=bias, starts=starts, window=window, scale=scale)
    if bias is not None:
        bias = bias.expand(*q.shape[:3], k.shape[2])
    if starts is not None and longest is None:
        longest = longest_of(starts, q.shape[2])
    call = _Call(longest=longest, causal=causal, window=window, scale=q.shape[-1] ** -0.5 if scale is None else scale)
    return cast(Tensor, _Attention.apply(q, k, v, bias, starts, call))


@dataclass(frozen=True, kw_only=True)
class _Call:
    """What a call says apart from its tensors."""

    longest: int | None
    causal: bool
    window: int | None
    scale: float

    def length(self, x: Tensor) -> int:
        """Return the positions of the longest sequence of queries or keys."""
        return x.shape[2] if self.longest is None else self.longest

    def constants(self, q: Tensor, k: Tensor, bias: Tensor | None, tiles: Tiles) -> dict[str, Any]:
        """Return what both passes are compiled for."""
        return {
            "GROUP": q.shape[1] // k.shape[1],
            "H": q.shape[3],
            "WIDTH": triton.next_power_of_2(q.shape[3]),
            "ROWS": tiles.rows,
            "COLUMNS": tiles.columns,
            "CAUSAL": self.causal,
            "WINDOWED": self.window is not None,
            "BIASED": bias is not None,
            "PACKED": self.longest is not None,
            "PRECISION": "ieee" if q.dtype == torch.float32 else "tf32",
            "num_warps": tiles.warps,
            "num_stages": tiles.stages,
        }


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, starts: Tensor | None, call: _Call
    ) -> Tensor:
        q, k, v = (_fetchable(x) for x in (q, k, v))
        out = _laid_out(q)
        logs = torch.empty(*q.shape[:3], dtype=torch.float32, device=q.device)
        ctx.call = call
        ctx.save_for_backward(q, k, v, bias, starts, out, logs)
        if out.numel() == 0 or k.numel() == 0:
            return out.zero_()
        # Of packed sequences, the bits of one would depend on how long the others are.
        length = k.shape[2] if starts is None else None
        cut = forward_tiles(
            q.shape[3], q.dtype, capability(q.device), length=length, causal=call.causal, biased=bias is not None
        )
        fetch = _fetch(q, cut, starts)
        if fetch == LINE:
            triton.set_allocator(_scratch)
        parts = triton.cdiv(call.length(q), cut.rows)
        with _on(q):
            forward_pass[(parts * _lines(q, starts) * q.shape[1],)](
                _source(q, cut.rows, fetch),
                _source(k, cut.columns, fetch),
                _source(v, cut.columns, fetch),
                *_optional(q, bias, starts),
                out,
                logs,
                *_sizes(q, k, v, bias, parts, call),
                **(constants := call.constants(q, k, bias, cut)),
                WHOLE=_is_whole(k, cut, constants),
                FETCH=fetch,
                SPECIALISED=cut.specialised,
            )
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_out: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, bias, starts, out, logs = ctx.saved_tensors
        d_q, d_k, d_v = _laid_out(q), _laid_out(k), _laid_out(v)
        learned = bias is not None and ctx.needs_input_grad[3]
        d_bias = torch.zeros(bias.shape, dtype=bias.dtype, device=q.device) if learned else None
        if out.numel() == 0 or k.numel() == 0:
            return d_q.zero_(), d_k.zero_(), d_v.zero_(), d_bias, None, None
        call, lines, more = ctx.call, _lines(q, starts), _optional(q, bias, starts)
        how = q.shape[3], q.dtype, capability(q.device)
        d_out, delta = _as_laid_out(d_out), torch.empty_like(logs)
        with _on(q):
            cut = query_tiles(*how, biased=bias is not None)
            fetch, parts = _fetch(q, cut, starts), triton.cdiv(call.length(q), cut.rows)
            backward_queries[(parts * lines * q.shape[1],)](
                q,
                _source(k, cut.columns, fetch),
                _source(v, cut.columns, fetch),
                *more,
                out,
                logs,
                d_out,
                d_q,
                d_q if d_bias is None else d_bias,
                delta,
                *_sizes(q, k, v, bias, parts, call),
                **(constants := call.constants(q, k, bias, cut)),
                LEARNED=learned,
                WHOLE=_is_whole(k, cut, constants),
                FETCH=fetch,
            )
            # It reads delta, which the other has written: both are in one stream.
            cut = key_tiles(*how)
            fetch, parts = _fetch(q, cut, starts), triton.cdiv(call.length(k), cut.columns)
            backward_keys[(parts * lines * k.shape[1],)](
                _source(q, cut.rows, fetch),
                k,
                v,
                *more,
                logs,
                _source(d_out, cut.rows, fetch),
                d_k,
                d_v,
                delta,
                *_sizes(q, k, v, bias, parts, call),
                **call.constants(q, k, bias, cut),
                FETCH=fetch,
            )
        return d_q, d_k, d_v, d_bias, None, None


def _is_whole(k: Tensor, tiles: Tiles, constants: dict[str, Any]) -> bool:
    """Return whether all queries see all keys, and the last tile of those is full."""
    return k.shape[2] % tiles.columns == 0 and not any(constants[name] for name in MASKS)


def _optional(q: Tensor, bias: Tensor | None, starts: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return what may not be there; what is not there is not looked at."""
    return q if bias is None else bias, q if starts is None else starts


def _sizes(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None, parts: int, call: _Call) -> tuple[float, ...]:
    """Return the strides and sizes that all kernels take."""
    strides = (*q.stride()[:3], *k.stride()[:3], *v.stride()[:3], *((0,) * 4 if bias is None else bias.stride()))
    log2e = 1 / math.log(2)
    return *strides, q.shape[1], q.shape[2], k.shape[2], parts, call.window or 0, call.scale * log2e


def _lines(q: Tensor, starts: Tensor | None) -> int:
    """Return how many sequences there are."""
    return q.shape[0] if starts is None else len(starts) - 1


def _laid_out(x: Tensor) -> Tensor:
    """Return an empty [B, N, T, H] in which the heads of a position lie together, as layers around attention want."""
    rows, heads, positions, width = x.shape
    return torch.empty(rows, positions, heads, width, dtype=x.dtype, device=x.device).transpose(1, 2)


def _as_laid_out(x: Tensor) -> Tensor:
    """Return a tensor laid out so, beginning at 16 bytes."""
    x = x.transpose(1, 2).contiguous()
    return (x.clone() if x.data_ptr() % 16 else x).transpose(1, 2)


def _fetchable(x: Tensor) -> Tensor:
    """Return a tensor with heads in one piece, and each at 16 bytes if it can be, as descriptors want it."""
    if x.stride(3) == 1 and (x.shape[3] * x.element_size() % 16 or _is_aligned(x)):
        return x
    return x.clone(memory_format=torch.contiguous_format)


def _is_aligned(x: Tensor) -> bool:
    return not any(step % 16 for step in (x.data_ptr(), *(stride * x.element_size() for stride in x.stride()[:3])))


def _fetch(q: Tensor, tiles: Tiles, starts: Tensor | None) -> str:
    """Return how the tiles of a loop are fetched.

    Descriptors of all lines are made by the processor. A loop is specialised with the kernel's own alone, of one line;
    and a packed sequence ends where another begins, of which a descriptor of all lines would know nothing.
    """
    if not tiles.described or q.shape[3] * q.element_size() % 16:
        return POINTERS
    return LINE if tiles.specialised else POINTERS if starts is not None else LINES


def _source(x: Tensor, rows: int, fetch: str) -> Tensor | TensorDescriptor:
    """Return what tiles of some rows of [B, N, T, H] are fetched from."""
    if fetch != LINES:
        return x
    block = [1, 1, rows, triton.next_power_of_2(x.shape[3])]
    return TensorDescriptor(x, list(x.shape), list(x.stride()), block)


def _on(x: Tensor) -> AbstractContextManager[Any]:
    """Return a context in which the device of a tensor is the one that kernels run on."""
    return torch.cuda.device(x.device) if x.is_cuda else nullcontext()


def _scratch(size: int, alignment: int, stream: int | None) -> Tensor:
    """Return memory in which a kernel puts its descriptors."""
    return torch.empty(size, dtype=torch.int8, device="cuda")
