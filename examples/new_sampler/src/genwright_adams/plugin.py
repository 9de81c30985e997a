"""What this plugin contributes. It imports nothing heavy: targets are loaded when they are used."""

from __future__ import annotations

from collections.abc import Iterable

from genwright.hooks import hookimpl
from genwright.specs import SamplerSpec


@hookimpl
def register_samplers() -> Iterable[SamplerSpec]:
    """Return the sampler."""
    yield SamplerSpec(
        name="adams-bashforth",
        target="genwright_adams.sampler:AdamsBashforth",
        summary="the flow from noise to data by the two-step Adams-Bashforth method: second order, one call a step",
        reads="denoiser",
    )
