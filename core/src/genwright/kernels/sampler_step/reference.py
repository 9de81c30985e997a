"""A step of a sampler by PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from genwright.errors import MismatchError, ShapeError
from genwright.kernels.sampler_step.coefficients import Coefficients, Row
from genwright.seeds import Noise

__all__ = ["sampler_step"]

Rows = Float[Tensor, " B *shape"]


def sampler_step(
    x: Rows,
    clean: Rows,
    coefficients: Coefficients,
    row: int,
    *,
    before: Rows | None = None,
    unasked: Rows | None = None,
    limits: tuple[float, float] | None = None,
    noise: Noise | None = None,
    draw: int = 0,
    corrects: bool = False,
    keep: bool = False,
) -> tuple[Rows, Rows | None]:
    """Return samples at the next level of noise, and the clean samples that led there if they are to be kept.

    x:       samples at this level; of a step that corrects, at the level where the whole step began
    clean:   what the network takes for the clean samples
    row:     the row of the coefficients to go by
    before:  the clean samples kept at the call before: of DPM-Solver's steps but the first, and of those that correct
    unasked: what the network takes for them when asked for nothing, from which `clean` is moved away; none for as it is
    limits:  the least and the largest number that clean samples hold; none for any
    noise:   whose draws are added at the end, under the purpose "step"; none for no noise
    draw:    which of them: the step that they belong to
    corrects: whether this is the second call of a step of Heun's method, in which x is where the step began and
             `before` the clean samples of its first call

    Raises ShapeError if there are not as many draws as samples, MismatchError if a step that corrects lacks `before`.
    Sources: those of the samplers in `genwright.samplers.denoise`.
    """
    _check(x, before, noise, corrects)
    numbers = dict(zip(Row._fields, coefficients[row].unbind(), strict=True))
    if unasked is not None:
        clean = unasked + numbers["guidance"] * (clean - unasked)
    if limits is not None:
        clean = clean.clamp(*limits)
    if before is not None and corrects:
        moved = _corrected(x, clean, before, numbers)
    else:
        moved = _moved(x, clean, before, numbers)
    if noise is not None:
        moved = moved + numbers["fresh"] * noise.normal("step", draw, x[:1].numel()).view_as(x)
    return moved, clean if keep else None


def _check(x: Tensor, before: Tensor | None, noise: Noise | None, corrects: bool) -> None:
    if noise is not None and len(noise) != len(x):
        raise ShapeError(
            f"noise has a row for each of {len(x)} samples; got {len(noise)}. Take the rows of these samples."
        )
    if corrects and before is None:
        raise MismatchError(
            "a step that corrects goes by the clean samples of its first call as well; `before` is None. "
            "Keep them there with keep=True, and pass them."
        )


def _moved(x: Tensor, clean: Tensor, before: Tensor | None, numbers: Mapping[str, Tensor]) -> Tensor:
    ahead = clean if before is None else clean + numbers["ahead"] * (clean - before)
    return ahead + numbers["share"] * (x - ahead)


def _corrected(x: Tensor, clean: Tensor, before: Tensor, numbers: Mapping[str, Tensor]) -> Tensor:
    ahead = before + numbers["share"] * (x - before)
    slopes = (x - before) / numbers["sigma"], (ahead - clean) / numbers["following"]
    return x + numbers["half"] * (slopes[0] + slopes[1])
