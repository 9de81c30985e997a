"""Tokens drawn by Triton are those of the reference."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from genwright.kernels import recorded, use
from genwright.kernels.sample_logits.rule import Rule
from genwright.kernels.sample_logits.spec import SPEC, sample_logits
from genwright.kernels.spec import Call
from genwright.readings import Condition
from genwright.samplers.tokens import Greedy, TokenSampler, TopP
from genwright.seeds import Noise

pytest.importorskip("triton", reason="its kernels need Triton")
from tests.core.kernels.hopper import SHARED_LIMIT, asked, every

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# The interpreter computes no bfloat16.
DTYPES = [dtype for dtype in SPEC.tolerances if DEVICE.type == "cuda" or dtype != torch.bfloat16]
CALLS = [
    (call, dtype)
    for dtype in DTYPES
    for call in SPEC.awkward(dtype, DEVICE)
    if dtype == torch.float32 or "1029" in call.name
]
KERNEL = "genwright.kernels.sample_logits.kernel:sample_logits_kernel"


# NumPy, which interprets, tells of NaN and infinities.
@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")
@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("call", "dtype"), CALLS, ids=lambda given: given.name if isinstance(given, Call) else None)
def test_tokens_are_those_of_the_reference(call: Call, dtype: torch.dtype) -> None:
    with use(sample_logits="triton"):
        found = sample_logits(*call.args, **call.keywords)
    assert torch.equal(found, SPEC.operation.reference(*call.args, **call.keywords))


def test_the_noise_is_that_of_seeds_at_each_place_of_a_large_vocabulary() -> None:
    """Of equal logits the token is where the noise is largest."""
    noise, steps = Noise(7, torch.tensor([3, 2**40], device=DEVICE)), torch.tensor([5, 2**31 + 6], device=DEVICE)
    with use(sample_logits="triton"):
        found = sample_logits(torch.zeros(2, 5_003, device=DEVICE), Rule(), noise=noise, step=steps)
    assert torch.equal(found, noise.gumbel("token", steps, 5_003).argmax(-1))


@pytest.mark.parametrize("rule", [Rule(temperature=0.5), Rule(least=0.05, k=20, p=0.9)], ids=["all", "some"])
def test_a_row_has_the_same_token_alone_and_among_others(rule: Rule) -> None:
    noise = Noise(4, torch.arange(4, device=DEVICE))
    logits = 2 * noise.normal("example", 0, 1_100)
    with use(sample_logits="triton", invariant=True):
        rows = sample_logits(logits, rule, noise=noise, step=3)
        for row in range(4):
            at = slice(row, row + 1)
            assert torch.equal(sample_logits(logits[at], rule, noise=noise[at], step=3), rows[at])


@pytest.mark.parametrize(("p", "last"), [(0.3, 1), (0.49, 1), (0.51, 2), (0.99, 3)])
def test_ties_reach_p_from_the_first(p: float, last: int) -> None:
    noise = torch.arange(4.0, device=DEVICE)[None]
    with use(sample_logits="triton"):
        assert sample_logits(torch.zeros(1, 4, device=DEVICE), Rule(p=p), noise=noise).tolist() == [last]


class Chain:
    """A reading, and its stream, in which the logits after a token are a row of a table."""

    start, stop, length = 5, None, 2
    table = torch.randn(6, 5, generator=torch.Generator().manual_seed(1)).to(DEVICE)

    def open(self, condition: Condition) -> Chain:
        return self

    def step(self, tokens: Tensor) -> Tensor:
        return self.table[tokens]

    def restart(self, rows: Tensor, condition: Condition) -> None:
        pass


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("sampler", [TopP(p=0.6), Greedy()])
def test_samplers_of_tokens_draw_by_it(sampler: TokenSampler, rows: int) -> None:
    noise, condition = Noise(3, torch.arange(3, device=DEVICE)), Condition.none(3).to(str(DEVICE))
    expected = sampler.sample(Chain(), noise, condition, rows=rows)
    with use(sample_logits="triton"), recorded() as chosen:
        found = sampler.sample(Chain(), noise, condition, rows=rows)
    assert chosen == {"sample_logits": ["triton"]}
    assert torch.equal(found, expected)


def test_on_hopper_nothing_is_fused_and_no_register_spills() -> None:
    kernels = [_launch("fp32", {}), _launch("bf16", {"LEAST": True, "TOP_K": True, "TOP_P": True})]
    kernels.append(_launch("fp32", {"TOP_P": True}, gumbel="*fp32"))
    for found in every(kernels):
        assert (found.stack, found.shared <= SHARED_LIMIT) == (0, True)
        assert (found.count("fma.rn.f32"), found.count("div.full.f32")) == (0, 0)


def _launch(dtype: str, flags: dict[str, bool], **given: str) -> dict[str, Any]:
    integers = "width logits_stride gumbel_stride sample_stride step_stride key_low key_high"
    floats = "temperature log_least k p"
    types = dict.fromkeys(integers.split(), "i32") | dict.fromkeys(floats.split(), "fp32")
    types |= {"tokens": "*i64", "logits": f"*{dtype}", "step": "*i64"} | (given or {"samples": "*i64"})
    constants = dict.fromkeys({"gumbel", "samples"} - types.keys()) | dict.fromkeys(("LEAST", "TOP_K", "TOP_P"), False)
    constants |= flags | {"STEPS": True, "BLOCK": 1024}
    return asked(KERNEL, types, constants, num_warps=8, enable_fp_fusion=False)
