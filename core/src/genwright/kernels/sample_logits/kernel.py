"""Drawing tokens by Triton: a program a row, which goes over the vocabulary in chunks and sorts nothing.

The k-th largest logit and the weight at which p is reached are found by their bits, four at a time from the highest:
each pass sums what lies at or above 16 candidates. Sums are taken in an order that depends on the vocabulary alone.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

from genwright.kernels.philox_normal.kernel import four_words, interleaved, log, signed, uniform
from genwright.kernels.sample_logits.rule import Rule
from genwright.seeds import Noise

__all__ = ["sample_logits", "sample_logits_kernel"]

_BLOCK, _LEAST_BLOCK, _A_WARP = 1024, 16, 128


def sample_logits(logits: Tensor, rule: Rule, *, noise: Noise | Tensor | None = None, step: int | Tensor = 0) -> Tensor:
    """Return what the reference gives, on a CPU."""
    rows, width = logits.shape
    tokens = torch.empty(rows, dtype=torch.int64, device=logits.device)
    if rows:
        draws = noise if isinstance(noise, Noise) else None
        made = noise if isinstance(noise, Tensor) else None
        steps = step if isinstance(step, Tensor) else None
        block = min(_BLOCK, max(_LEAST_BLOCK, triton.next_power_of_2(width)))
        sample_logits_kernel[(rows,)](
            tokens,
            logits,
            made,
            None if draws is None else draws.samples,
            signed(step) if isinstance(step, int) else step,
            width,
            *(logits.stride(0), 0 if made is None else made.stride(0)),
            *(0 if draws is None else draws.samples.stride(0), 0 if steps is None else steps.stride(0)),
            *((0, 0) if draws is None else map(signed, draws.key("token"))),
            *(float(rule.temperature), math.log(rule.least or 1.0)),
            *(float(min(rule.k or 1, width)), float(rule.p or 1.0)),
            STEPS=steps is not None,
            LEAST=rule.least is not None,
            TOP_K=rule.k is not None,
            TOP_P=rule.p is not None and rule.p < 1,
            BLOCK=block,
            num_warps=max(1, min(8, block // _A_WARP)),
            enable_fp_fusion=False,
        )
    return tokens


@triton.jit(do_not_specialize=["step", "key_low", "key_high", "temperature", "log_least", "k", "p"])
def sample_logits_kernel(
    tokens,
    logits,
    gumbel,
    samples,
    step,
    width,
    logits_stride,
    gumbel_stride,
    sample_stride,
    step_stride,
    key_low,
    key_high,
    temperature,
    log_least,
    k,
    p,
    STEPS: tl.constexpr,
    LEAST: tl.constexpr,
    TOP_K: tl.constexpr,
    TOP_P: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the token of one row; pointers to what there is not are None."""
    row = tl.program_id(0).to(tl.int64)
    line = logits + row * logits_stride
    most, low, last = tl.zeros([], tl.float32), tl.zeros([], tl.float32), tl.zeros([], tl.float32)
    top, cut, before, target = most, tl.zeros([], tl.uint32), most, most
    if LEAST or TOP_P:
        most = _most(line, width, BLOCK)
        top = tl.div_rn(most, temperature)
    if LEAST:
        low = most + log_least
    if TOP_K:
        last = _number(_found(line, width, temperature, low, last, top, k, False, LEAST, False, BLOCK))
    if TOP_P:
        target = p * _mass(line, width, temperature, low, last, top, tl.zeros_like(cut), LEAST, TOP_K, BLOCK)
        cut = _found(line, width, temperature, low, last, top, target, True, LEAST, TOP_K, BLOCK)
        before = _mass(line, width, temperature, low, last, top, cut + 1, LEAST, TOP_K, BLOCK)
        # Where infinities or NaN leave no weights all are kept, of which the first of those is drawn.
        decided = tl.abs(most) < float("inf")
        cut, before = tl.where(decided, cut, 0), tl.where(decided, before, 0.0)
        target = tl.where(decided, target, float("inf"))
    if samples is not None:
        sample = tl.load(samples + row * sample_stride)
        at = tl.load(step + row * step_stride) if STEPS else step
    lanes = tl.arange(0, BLOCK)
    best, place = tl.full([BLOCK], float("-inf"), tl.float32), lanes
    spoilt, tied = tl.zeros_like(lanes) + width, tl.zeros([], tl.float32)
    for start in range(0, width, BLOCK):
        places = start + lanes
        x = _kept(line, places, width, temperature, low, last, LEAST, TOP_K)
        spoilt = tl.minimum(spoilt, tl.where(x != x, places, width))
        if TOP_P:
            weight = tl.exp(x - top)
            key = weight.to(tl.uint32, bitcast=True)
            ties = ((key == cut) & (places < width)).to(tl.float32)
            rank = tied + tl.cumsum(ties, 0) - ties
            inside = (key > cut) | ((key == cut) & (before + rank * weight < target))
            x = tl.where(inside, x, float("-inf"))
            tied += tl.sum(ties, 0)
        if samples is not None:
            x = x + _gumbel(start // 4 + tl.arange(0, BLOCK // 4), at, sample, key_low, key_high)
        elif gumbel is not None:
            x = x + tl.load(gumbel + row * gumbel_stride + places, mask=places < width, other=0.0)
        better = x > best
        best, place = tl.where(better, x, best), tl.where(better, places, place)
    # Each lane has the first of its largest.
    token = tl.min(tl.where(best == tl.max(best, 0), place, width), 0)
    first = tl.min(spoilt, 0)
    tl.store(tokens + row, tl.where(first < width, first, token).to(tl.int64))


@triton.jit
def _kept(line, places, width, temperature, low, last, LEAST: tl.constexpr, TOP_K: tl.constexpr):
    """Return some logits over the temperature; -inf where they are below `low` before, or `last` afterwards."""
    logits = tl.load(line + places, mask=places < width, other=float("-inf")).to(tl.float32)
    x = tl.div_rn(logits, tl.zeros_like(logits) + temperature)
    if LEAST:
        x = tl.where(logits >= low, x, float("-inf"))
    if TOP_K:
        x = tl.where(x < last, float("-inf"), x)
    return x


@triton.jit
def _most(line, width, BLOCK: tl.constexpr):
    """Return the largest logit of a row, or NaN if there is one."""
    lanes = tl.arange(0, BLOCK)
    most, spoilt = tl.full([BLOCK], float("-inf"), tl.float32), tl.zeros_like(lanes)
    for start in range(0, width, BLOCK):
        logits = tl.load(line + start + lanes, mask=start + lanes < width, other=float("-inf")).to(tl.float32)
        most, spoilt = tl.where(logits > most, logits, most), spoilt | (logits != logits).to(tl.int32)
    return tl.where(tl.max(spoilt, 0) > 0, float("nan"), tl.max(most, 0))


@triton.jit
def _mass(
    line, width, temperature, low, last, top, key,
    LEAST: tl.constexpr, TOP_K: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Return the sum of the weights at or above a key: of exponentials of logits, the largest of them 1."""
    mass = tl.zeros([BLOCK], tl.float32)
    for start in range(0, width, BLOCK):
        x = _kept(line, start + tl.arange(0, BLOCK), width, temperature, low, last, LEAST, TOP_K)
        weight = tl.exp(x - top)
        mass += tl.where(weight.to(tl.uint32, bitcast=True) >= key, weight, 0.0)
    return tl.sum(mass, 0)


@triton.jit
def _found(
    line, width, temperature, low, last, top, target,
    WEIGHED: tl.constexpr, LEAST: tl.constexpr, TOP_K: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Return the largest key such that weights at or above it, or as many tokens, reach a target."""
    found, way = tl.zeros([], tl.uint32), tl.arange(0, 16).to(tl.uint32)
    shift = tl.zeros([], tl.uint32) + 28
    for _ in range(8):
        keys = found + (way << shift)
        sums = tl.zeros([BLOCK, 16], tl.float32)
        for start in range(0, width, BLOCK):
            places = start + tl.arange(0, BLOCK)
            x = _kept(line, places, width, temperature, low, last, LEAST, TOP_K)
            if WEIGHED:
                weight = tl.exp(x - top)
                key = weight.to(tl.uint32, bitcast=True)
            else:
                weight = (places < width).to(tl.float32)
                key = _key(x)
            sums += tl.where(key[:, None] >= keys[None, :], weight[:, None], 0.0)
        # Rounded sums never grow as fewer weights are in them, so those that reach the target are the first.
        reached = (tl.sum(sums, 0) >= target) & (way > 0)
        found += tl.sum(reached.to(tl.uint32), 0) << shift
        shift -= 4
    return found


@triton.jit
def _key(x):
    """Return words in the order of numbers: equal for equal numbers, of which 0 and -0 are two."""
    bits = tl.where(x == 0.0, 0.0, x).to(tl.uint32, bitcast=True)
    return tl.where(bits >> 31 == 1, bits ^ 0xFFFFFFFF, bits | 0x80000000)


@triton.jit
def _number(key):
    """Return the number that has a key."""
    return tl.where(key >> 31 == 1, key ^ 0x80000000, key ^ 0xFFFFFFFF).to(tl.float32, bitcast=True)


@triton.jit
def _gumbel(blocks, step, sample, key_low, key_high):
    """Return the noise of the tokens 4 b to 4 b + 3, for each block b of them."""
    w0, w1, w2, w3 = four_words(blocks, step, sample, key_low, key_high)
    return interleaved(_of_word(w0), _of_word(w1), _of_word(w2), _of_word(w3))


@triton.jit
def _of_word(word):
    return -log(-log(uniform(word)))
