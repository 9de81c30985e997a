"""The operation `sample_logits`: the reference's tokens.

Where top-p leaves tokens out, they are equal except where what has been gathered is within rounding of p, or tokens at
the cut are equally likely within rounding. On a GPU PyTorch may divide by multiplying with an inverse; the kernel
divides as PyTorch does on a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from genwright.kernels.operation import Implementation, Operation
from genwright.kernels.platforms import off_triton
from genwright.kernels.sample_logits import reference
from genwright.kernels.sample_logits.rule import Rule
from genwright.kernels.spec import Call, Spec
from genwright.seeds import Noise

__all__ = ["SPEC", "sample_logits"]

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
# Two rounds of products, four words a round, of 10 rounds; then two logarithms.
_NOISE = 2 * 10 + 30
_RULES = {
    "a temperature": Rule(temperature=0.7),
    "top-k": Rule(k=3, temperature=1.3),
    "top-p": Rule(p=0.8),
    "min-p": Rule(least=0.1, temperature=2.0),
    "all rules": Rule(least=0.01, k=9, p=0.9, temperature=1.5),
}


def _off_triton(
    logits: Tensor, rule: Rule, *, noise: Noise | Tensor | None = None, step: int | Tensor = 0
) -> str | None:
    if logits.dtype not in _DTYPES:
        return f"it takes float32, float16 and bfloat16; got {logits.dtype}"
    if not logits.shape[-1] or logits.stride(-1) != 1:
        return "it takes rows of one token or more, each in one piece"
    if isinstance(noise, Tensor) and (noise.dtype != torch.float32 or noise.stride(-1) != 1):
        return "it takes noise of float32, each row in one piece"
    if noise is not None and len(noise) != len(logits):
        return "the reference does not take these arguments either"
    samples = noise.samples if isinstance(noise, Noise) else noise
    steps = step if isinstance(step, Tensor) else None
    integers = [steps, samples if isinstance(noise, Noise) else None]
    if any(tensor is not None and tensor.dtype != torch.int64 for tensor in integers):
        return "it takes samples and steps as int64"
    return off_triton(logits, samples, steps)


def _awkward(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    for rows, width in ((1, 1), (2, 2), (3, 37), (2, 1029), (0, 9)):
        logits = _logits(rows, width, dtype, device)
        steps = torch.arange(rows, device=device) * 2**31
        noise = Noise(2**40 + 3, torch.tensor([-1, 2**32 + 5, 2**31], device=device)[:rows])
        yield Call(name=f"the likeliest of {rows} x {width}", args=(logits, Rule()))
        for name, rule in _RULES.items():
            given = {"noise": noise, "step": steps}
            yield Call(name=f"{name} of {rows} x {width}", args=(logits, rule), keywords=given)
    yield from _strange(dtype, device)


def _strange(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    infinity, nan = torch.inf, torch.nan
    levels = torch.tensor([1.0, 2.0, 2.0, 0.0, -0.0, 2.0, 1.0, -infinity], dtype=dtype, device=device).repeat(6, 1)
    special = torch.tensor(
        [
            [1.0, nan, 3.0, infinity, nan],
            [1.0, 2.0, infinity, -infinity, infinity],
            [-infinity] * 5,
            [nan] * 5,
            [-infinity, -infinity, 2.0, -infinity, -infinity],
            [-80.0, 80.0, 79.0, -infinity, 0.0],
        ],
        dtype=dtype,
        device=device,
    )
    noise, wide = Noise(-3, torch.arange(12, device=device)[::2]), _logits(2, 40, dtype, device)
    for name, rule in _RULES.items():
        yield Call(name=f"{name} of ties", args=(levels, rule), keywords={"noise": noise, "step": -2})
        yield Call(name=f"{name} of what is not finite", args=(special, rule), keywords={"noise": noise})
        yield Call(name=f"{name} of rows not in one piece", args=(wide[:, :33], rule), keywords={"noise": noise[:2]})
    yield Call(name="the likeliest of what is not finite", args=(special, _RULES["top-p"]))
    made = noise.gumbel("token", 2, 8)
    yield Call(name="noise made before", args=(levels, _RULES["a temperature"]), keywords={"noise": made})
    yield Call(name="more than there are", args=(levels, Rule(k=99, p=1.0)), keywords={"noise": noise})


def _usual(dtype: torch.dtype, device: torch.device) -> Iterator[Call]:
    small = (1, 257), (64, 257), (1, 50_257)
    for rows, width in small if device.type == "cpu" else (*small, (64, 50_257), (64, 262_144)):
        logits = _logits(rows, width, dtype, device)
        noise = Noise(7, torch.arange(rows, device=device))
        for name, rule in (("temperature", Rule()), ("top-k", Rule(k=50)), ("top-p", Rule(p=0.95))):
            yield Call(name=f"{name}, {rows} of {width:,}", args=(logits, rule), keywords={"noise": noise, "step": 3})


def _logits(rows: int, width: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return (3 * Noise(1, torch.arange(rows, device=device)).normal("example", 0, width)).to(dtype).contiguous()


def _traffic(logits: Tensor, rule: Rule, *, noise: Noise | Tensor | None = None, step: int | Tensor = 0) -> int:
    """Return the bytes of one reading of the logits; a rule with k or p reads them more often, from a cache."""
    given = noise.samples if isinstance(noise, Noise) else noise
    read = sum(tensor.nbytes for tensor in (given, step) if isinstance(tensor, Tensor))
    return logits.nbytes + 8 * len(logits) + read


def _work(logits: Tensor, rule: Rule, *, noise: Noise | Tensor | None = None, step: int | Tensor = 0) -> int:
    return logits.numel() * (2 + (_NOISE if isinstance(noise, Noise) else noise is not None))


sample_logits = Operation(
    name="sample_logits",
    reference=reference.sample_logits,
    invariant=True,
    others=(Implementation.in_triton("sample_logits", _off_triton),),
    on_gpus=("triton",),
)
"""A token for each row, as `genwright.kernels.sample_logits.reference` says."""

SPEC = Spec(
    operation=sample_logits,
    contract="bits",
    tolerances=dict.fromkeys(_DTYPES, 0.0),
    awkward=_awkward,
    usual=_usual,
    traffic=_traffic,
    work=_work,
)
