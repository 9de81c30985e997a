"""Core's own components: core is its own first plugin."""

from __future__ import annotations

from collections.abc import Iterable

from genwright.hooks import hookimpl
from genwright.specs import BackboneSpec, CommandSpec, EngineSpec, FamilySpec, SamplerSpec, StoreSpec

__all__ = [
    "register_backbones",
    "register_commands",
    "register_engines",
    "register_families",
    "register_samplers",
    "register_stores",
]


@hookimpl
def register_backbones() -> Iterable[BackboneSpec]:
    """Return core's networks."""
    yield BackboneSpec(
        name="transformer",
        target="genwright.backbones.transformer:Transformer",
        summary="causal transformer with rotary positions and a preallocated cache",
        spaces=("tokens",),
        roles=("causal",),
    )


@hookimpl
def register_families() -> Iterable[FamilySpec]:
    """Return core's objectives."""
    yield FamilySpec(
        name="autoregressive",
        target="genwright.families.autoregressive:Autoregressive",
        summary="one token after another; exact likelihood",
        spaces=("tokens",),
        reads="next-token",
        roles={"network": "causal"},
        likelihood="exact",
    )


@hookimpl
def register_samplers() -> Iterable[SamplerSpec]:
    """Return core's procedures."""
    for name, target, summary in (
        ("temperature", "Temperature", "the model's own distribution, sharpened or flattened"),
        ("greedy", "Greedy", "the likeliest token each time"),
        ("top-k", "TopK", "the k likeliest tokens"),
        ("top-p", "TopP", "the fewest likeliest tokens that reach probability p"),
        ("min-p", "MinP", "tokens at least p times as likely as the likeliest"),
    ):
        yield SamplerSpec(name=name, target=f"genwright.samplers.tokens:{target}", summary=summary, reads="next-token")
    yield SamplerSpec(
        name="guided",
        target="genwright.samplers.guidance:Guided",
        summary="another sampler, with what is asked for amplified (classifier-free guidance)",
        reads="next-token",
    )


@hookimpl
def register_stores() -> Iterable[StoreSpec]:
    """Return core's store."""
    yield StoreSpec(name="memory", target="genwright.store:MemoryStore", summary="kept until the process ends")


@hookimpl
def register_engines() -> Iterable[EngineSpec]:
    """Return core's engine."""
    yield EngineSpec(
        name="local", target="genwright.engines.local:Local", summary="this machine, in one process or several"
    )


@hookimpl
def register_commands() -> Iterable[CommandSpec]:
    """Return core's commands, in the order in which the command line lists them."""
    for name, summary in (
        ("generate", "Draw samples from a model and record them."),
        ("evaluate", "Measure samples, against a reference or alone."),
        ("train", "Train a model by a recipe."),
        ("models", "List, show, import and export models."),
        ("data", "List, show and fetch named data sets."),
        ("samples", "List, show and search recorded samples."),
        ("runs", "List, show and resume runs."),
        ("audit", "Verify the store, and draw samples again to compare."),
        ("store", "Say where the store is, and what is in it."),
        ("plugins", "List, install, uninstall, begin and check plugins."),
        ("doctor", "Say what this machine has, and what is wrong with it."),
    ):
        yield CommandSpec(name=name, target=f"genwright.cli.{name}:{name}", summary=summary)
