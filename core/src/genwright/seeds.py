"""All randomness.

The draws of a sample are keyed by (run seed, sample, purpose, step, element) and nothing else, so none depends on
batching, order, workers or device. The bits are Philox4x32-10. Uniforms, normals and Gumbel noise are made from them
with +, -, *, /, exact splitting of exponents and a correctly rounded square root alone, so that PyTorch on any device,
NumPy and a kernel give equal numbers: the logarithms, sines and square roots of libraries differ in their last bits.

Source of Philox: Salmon, Moraes, Dror and Shaw (2011), doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from jaxtyping import Float, Int64
from torch import Tensor

__all__ = ["Noise", "distinct", "fresh_seed", "permutation", "philox", "seeded_torch"]

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
# The bits of the float32 next to the square root of one half.
_ROOT_HALF = 0x3F3504F3
Words = tuple[Tensor, Tensor, Tensor, Tensor]


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """Return Philox4x32-10 of counters: four int64 tensors that hold 32-bit words, of shapes that broadcast.

    The same words as Triton's `tl.philox` and the reference implementation, whose known answers the tests hold.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        # The product of two 32-bit words wraps into the sign of an int64; masks after the shifts repair it. The low
        # words c1 and c3 keep what lies above them until it matters: they only meet what is masked afterwards.
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c2 = ((p1 >> 32) ^ c1 ^ k0) & _MASK, ((p0 >> 32) ^ c3 ^ k1) & _MASK
        c1, c3 = p1, p0
        k0, k1 = k0 + _WEYL[0] & _MASK, k1 + _WEYL[1] & _MASK
    return c0, c1 & _MASK, c2, c3 & _MASK


@cache
def _purpose_key(purpose: str) -> int:
    return _digest(purpose)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


class Noise:
    """The draws of some samples: row i belongs to sample `samples[i]` of the run with this seed."""

    def __init__(self, seed: int, samples: Int64[Tensor, " B"]) -> None:
        self.seed = seed
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, rows: Tensor | slice) -> Noise:
        """Return the draws of some of the rows."""
        return Noise(self.seed, self.samples[rows])

    def to(self, device: torch.device | str) -> Noise:
        """Return the same draws, made on a device."""
        return Noise(self.seed, self.samples.to(device))

    def key(self, purpose: str) -> tuple[int, int]:
        """Return the key of Philox for a purpose: two 32-bit words, the lower one first."""
        key = self.seed ^ _purpose_key(purpose)
        return key & _MASK, key >> 32 & _MASK

    def bits(self, purpose: str, step: int | Int64[Tensor, " B"], count: int) -> Int64[Tensor, "B count"]:
        """Return 32-bit words, from 0 to 2^32 - 1. `step` is one for all rows, or one a row."""
        blocks = torch.arange(-(-count // 4), device=self.samples.device)
        # Filled and not copied, as a copy to a GPU waits for all that it has been given to do.
        steps = step[:, None] if isinstance(step, Tensor) else torch.full((), step, device=blocks.device)
        low, high = self.samples[:, None] & _MASK, self.samples[:, None] >> 32 & _MASK
        # Blocks differ along rows and the others along columns: the first rounds are over a row or a column alone.
        counter = (blocks, steps, low, high)
        words = philox(counter, self.key(purpose))
        return torch.stack(words, -1).flatten(1)[:, :count]

    def uniform(self, purpose: str, step: int | Int64[Tensor, " B"], count: int) -> Float[Tensor, "B count"]:
        """Return numbers (k + 1/2) / 2^23: never 0 or 1, and each exact in float32."""
        return ((self.bits(purpose, step, count) >> 9).float() + 0.5) * 2.0**-23

    def normal(self, purpose: str, step: int | Int64[Tensor, " B"], count: int) -> Float[Tensor, "B count"]:
        """Return unit normals, by Box and Muller's transform of pairs of uniforms."""
        pairs = -(-count // 2)
        u = self.uniform(purpose, step, 2 * pairs).reshape(len(self), pairs, 2)
        radius = (-2.0 * _log(u[..., 0])).double().sqrt().float()
        cosine, sine = _unit_circle(u[..., 1])
        return torch.stack((radius * cosine, radius * sine), -1).flatten(1)[:, :count]

    def gumbel(self, purpose: str, step: int | Int64[Tensor, " B"], count: int) -> Float[Tensor, "B count"]:
        """Return standard Gumbel noise: the largest of logits plus this noise is a draw from their softmax."""
        return -_log(-_log(self.uniform(purpose, step, count)))


def _log(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Return the natural logarithm of positive numbers, to 2e-7 relative, from +, -, * and / alone."""
    # Splits x by its bits into fraction * 2^exponent, with the fraction in [0.7071, 1.4142).
    bits = x.view(torch.int32) - _ROOT_HALF
    exponent = (bits >> 23).float()
    fraction = ((bits & 0x7FFFFF) + _ROOT_HALF).view(torch.float32)
    # 2 artanh(s) = log((1 + s) / (1 - s)); |s| < 0.172, so five terms reach float32.
    s = (fraction - 1.0) / (fraction + 1.0)
    z = s * s
    series = z * (z * (z * (z * (1 / 9) + 1 / 7) + 1 / 5) + 1 / 3)
    return exponent * 0.693359375 + (exponent * -2.12194440e-4 + (2.0 * s + 2.0 * s * series))


def _unit_circle(turn: Float[Tensor, "*shape"]) -> tuple[Tensor, Tensor]:
    """Return the cosine and sine of an angle given in turns, 0 to 1."""
    quarters = turn * 4.0
    nearest = (quarters + 0.5).floor()
    x = (quarters - nearest) * 1.57079632679
    z = x * x
    sine = x + x * z * (z * (z * (z * (1 / 362880) - 1 / 5040) + 1 / 120) - 1 / 6)
    cosine = 1.0 + z * (z * (z * (z * (1 / 40320) - 1 / 720) + 1 / 24) - 0.5)
    quadrant = nearest.int() & 3
    swap = (quadrant & 1).bool()
    c, s = torch.where(swap, sine, cosine), torch.where(swap, cosine, sine)
    negate_c, negate_s = (quadrant == 1) | (quadrant == 2), quadrant >= 2
    return torch.where(negate_c, -c, c), torch.where(negate_s, -s, s)


def permutation(seed: int, epoch: int, count: int) -> Int64[Tensor, " count"]:
    """Return the order in which an epoch goes through `count` examples."""
    bits = Noise(seed, torch.arange(count)).bits("order", epoch, 2)
    # Only one in 2^62 pairs ties, and the stable sort decides even that one in the same way everywhere.
    return torch.argsort((bits[:, 0] >> 1) << 32 | bits[:, 1], stable=True)


def distinct(seed: int, count: int, total: int) -> list[int]:
    """Return `count` different numbers below `total`, ascending, each set of them as likely; all if there are no more.

    Only those are kept, however large `total` is. Source: Bentley and Floyd (1987), doi:10.1145/30401.315746.
    """
    if count >= total:
        return list(range(total))
    words = Noise(seed, torch.arange(count)).bits("choice", 0, 2).tolist()
    chosen: set[int] = set()
    for largest, (high, low) in zip(range(total - count, total), words, strict=True):
        number = (high << 32 | low) * (largest + 1) >> 64
        chosen.add(largest if number in chosen else number)
    return sorted(chosen)


def fresh_seed() -> int:
    """Return a seed that nobody chose, below 2^53 so that JSON keeps it."""
    return secrets.randbits(53)


@contextmanager
def seeded_torch(seed: int, *, step: int | None = None) -> Iterator[None]:
    """Seed PyTorch's own generators for a while: for initial weights, or for what networks draw in a step of training.

    PyTorch draws both from global generators, on a CPU by 32 bits of a seed, so a step's are a digest of both numbers.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed if step is None else _digest(f"step {step} of {seed}"))
        yield
