"""Drawing tokens by PyTorch."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from genwright.errors import ShapeError
from genwright.kernels.sample_logits.rule import Rule
from genwright.seeds import Noise

__all__ = ["reshaped", "sample_logits"]


def sample_logits(
    logits: Float[Tensor, "B V"],
    rule: Rule,
    *,
    noise: Noise | Float[Tensor, "N V"] | None = None,
    step: int | Int64[Tensor, " B"] = 0,
) -> Int64[Tensor, " B"]:
    """Return a token for each row: where its logits, reshaped by the rule, plus its noise are largest.

    noise: the draws of each row, of which those of the purpose "token" are made into Gumbel noise; that noise itself,
           made before; or none, for the likeliest token
    step:  which of the draws: one for all rows, or one a row; its lower 32 bits count

    The first of several largest is taken. In a row with NaN that is the first NaN, or with `least` the first token; in
    one that is -infinity throughout, the first token. Sums are in float32.

    Raises ShapeError if there is not a row of noise for each of logits.
    Sources: Fan, Lewis and Dauphin (2018), arXiv:1805.04833 (top-k); Holtzman et al. (2020), arXiv:1904.09751 (top-p);
    Nguyen et al. (2024), arXiv:2407.01082 (min-p).
    """
    if noise is not None and len(noise) != len(logits):
        raise ShapeError(
            f"noise has a row for each of {len(logits)} rows of logits; got {len(noise)}. Take those of these samples."
        )
    scores = reshaped(logits.float(), rule)
    if isinstance(noise, Noise):
        noise = noise.gumbel("token", step, logits.shape[-1])
    return (scores if noise is None else scores + noise).argmax(-1)


def reshaped(logits: Float[Tensor, "B V"], rule: Rule) -> Float[Tensor, "B V"]:
    """Return the logits to draw from by a rule; -inf where a token may not be drawn."""
    scaled = logits if rule.temperature == 1 else logits / rule.temperature
    if rule.least is not None:
        near = logits >= logits.amax(-1, keepdim=True) + math.log(rule.least)
        scaled = scaled.masked_fill(~near, -torch.inf)
    if rule.k is not None:
        last = scaled.topk(min(rule.k, scaled.shape[-1])).values[..., -1:]
        scaled = scaled.masked_fill(scaled < last, -torch.inf)
    # Rounded sums reach 1 before the last tokens, all of which belong to p = 1.
    return scaled if rule.p is None or rule.p == 1 else _fewest(scaled, rule.p)


def _fewest(logits: Tensor, p: float) -> Tensor:
    """Return the logits of the tokens before which less than p has been gathered."""
    ordered, ids = torch.sort(logits.softmax(-1), stable=True, dim=-1, descending=True)
    beyond = F.pad(ordered.cumsum(-1)[..., :-1], (1, 0)) >= p
    return logits.masked_fill(torch.zeros_like(beyond).scatter(-1, ids, beyond), -torch.inf)
