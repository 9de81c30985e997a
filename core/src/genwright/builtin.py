"""Core's own components: core is its own first plugin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from genwright.hooks import hookimpl
from genwright.specs import (
    BackboneSpec,
    CommandSpec,
    EncoderSpec,
    EngineSpec,
    ExporterSpec,
    FamilySpec,
    Reads,
    SamplerSpec,
    StoreSpec,
)

__all__ = [
    "register_backbones",
    "register_commands",
    "register_encoders",
    "register_engines",
    "register_exporters",
    "register_families",
    "register_samplers",
    "register_stores",
]


@hookimpl
def register_encoders() -> Iterable[EncoderSpec]:
    """Return core's encoders, which serve every domain."""
    yield EncoderSpec(
        name="latent",
        target="genwright.encoders.learned:Latent",
        summary="the latents of a trained VAE",
        domain="*",
        space="continuous",
        lossy=True,
    )
    yield EncoderSpec(
        name="codes",
        target="genwright.encoders.learned:Codes",
        summary="the tokens of a trained VQ-VAE",
        domain="*",
        space="tokens",
        lossy=True,
    )


@hookimpl
def register_backbones() -> Iterable[BackboneSpec]:
    """Return core's networks."""
    return _BACKBONES


@hookimpl
def register_families() -> Iterable[FamilySpec]:
    """Return core's objectives."""
    return _FAMILIES


@hookimpl
def register_samplers() -> Iterable[SamplerSpec]:
    """Return core's procedures."""
    return _SAMPLERS


@hookimpl
def register_stores() -> Iterable[StoreSpec]:
    """Return core's store."""
    yield StoreSpec(name="memory", target="genwright.memory:MemoryStore", summary="kept until the process ends")


@hookimpl
def register_engines() -> Iterable[EngineSpec]:
    """Return core's engine."""
    yield EngineSpec(
        name="local", target="genwright.engines.local:Local", summary="this machine, in one process or several"
    )


@hookimpl
def register_exporters() -> Iterable[ExporterSpec]:
    """Return core's formats of recorded samples."""
    yield ExporterSpec(
        name="csv",
        target="genwright.exporters.csv:write",
        summary="a table for spreadsheets",
        endings=(".csv", ".csv.gz", ".csv.xz"),
    )
    yield ExporterSpec(
        name="jsonl",
        target="genwright.exporters.jsonl:write",
        summary="an object a line, all that a store has of a sample; can be imported",
        endings=(".jsonl", ".jsonl.gz", ".jsonl.xz"),
    )
    yield ExporterSpec(
        name="parquet",
        target="genwright.exporters.parquet:write",
        summary="typed columns, all that a store has of a sample; can be imported",
        extra="genwright-core[parquet]",
        endings=(".parquet",),
    )


@hookimpl
def register_commands() -> Iterable[CommandSpec]:
    """Return core's commands, in the order in which the command line lists them."""
    for name, summary in (
        ("generate", "Draw samples from a model and record them."),
        ("evaluate", "Measure samples, against a reference or alone."),
        ("score", "Say how likely items are under a model."),
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


_BACKBONES = (
    BackboneSpec(
        name="transformer",
        target="genwright.backbones.transformer:Transformer",
        summary="causal transformer with rotary positions and a preallocated cache",
        spaces=("tokens",),
        roles=("causal",),
        halves=True,
    ),
    BackboneSpec(
        name="pixelcnn",
        target="genwright.backbones.pixelcnn:PixelCNN",
        summary="gated convolutions over images of tokens, pixel after pixel",
        spaces=("tokens",),
        roles=("causal",),
    ),
    BackboneSpec(
        name="wavenet",
        target="genwright.backbones.wavenet:WaveNet",
        summary="gated dilated convolutions over long rows of tokens, such as the samples of a sound",
        spaces=("tokens",),
        roles=("causal",),
        contours=True,
    ),
    BackboneSpec(
        name="unet",
        target="genwright.backbones.unet:UNet",
        summary="U-Net for signals and images of any size",
        spaces=("continuous",),
        roles=("denoise",),
    ),
    BackboneSpec(
        name="dit",
        target="genwright.backbones.dit:dit",
        summary="transformer that sees all places at once",
        spaces=("continuous", "tokens"),
        roles=("denoise", "unmask"),
    ),
    BackboneSpec(
        name="conv",
        target="genwright.backbones.conv:conv",
        summary="small convolutional networks without normalisation",
        spaces=("continuous", "tokens"),
        roles=("generator", "posterior", "critic"),
    ),
    BackboneSpec(
        name="dense",
        target="genwright.backbones.dense:dense",
        summary="fully connected layers, for vectors and toys",
        spaces=("continuous",),
        roles=("denoise", "generator", "posterior", "critic"),
    ),
)

_FAMILIES = (
    FamilySpec(
        name="autoregressive",
        target="genwright.families.autoregressive:Autoregressive",
        summary="one token after another; exact likelihood",
        spaces=("tokens",),
        reads="next-token",
        roles={"network": "causal"},
        likelihood="exact",
    ),
    FamilySpec(
        name="diffusion",
        target="genwright.families.diffusion:Diffusion",
        summary="removing noise of any level; a bound on the likelihood",
        spaces=("continuous",),
        reads="denoiser",
        roles={"network": "denoise"},
        likelihood="bound",
    ),
    FamilySpec(
        name="flow",
        target="genwright.families.flow:Flow",
        summary="the velocity of a straight path from data to noise; a bound on the likelihood",
        spaces=("continuous",),
        reads="denoiser",
        roles={"network": "denoise"},
        likelihood="bound",
    ),
    FamilySpec(
        name="masked",
        target="genwright.families.masked:Masked",
        summary="hidden tokens from those left (absorbing diffusion); a bound below the likelihood",
        spaces=("tokens",),
        reads="unmasker",
        roles={"network": "unmask"},
        likelihood="bound",
    ),
    FamilySpec(
        name="vae",
        target="genwright.families.vae:VAE",
        summary="latents and what they stand for, learned together; a bound below the likelihood",
        spaces=("tokens", "continuous"),
        reads="decoder",
        roles={"posterior": "posterior", "likelihood": "generator"},
        likelihood="bound",
    ),
    FamilySpec(
        name="consistency",
        target="genwright.families.consistency:Consistency",
        summary="a student of a diffusion or flow model that draws in one or two calls; no likelihood",
        spaces=("continuous",),
        reads="denoiser",
        roles={"network": "denoise"},
        sampler="consistency",
    ),
    FamilySpec(
        name="gan",
        target="genwright.families.gan:GAN",
        summary="a generator against a critic; draws in one step, gives no likelihood",
        spaces=("continuous",),
        reads="decoder",
        roles={"generator": "generator", "critic": "critic"},
    ),
    FamilySpec(
        name="vqvae",
        target="genwright.families.vqvae:VQVAE",
        summary="tokens for whatever is continuous or long, learned with what they stand for; draws through a prior",
        spaces=("tokens", "continuous"),
        reads="decoder",
        roles={"posterior": "posterior", "likelihood": "generator"},
    ),
)


def _sampler(name: str, target: str, reads: Reads | Literal["*"], summary: str) -> SamplerSpec:
    return SamplerSpec(name=name, target=f"genwright.samplers.{target}", reads=reads, summary=summary)


_SAMPLERS = (
    _sampler("temperature", "tokens:Temperature", "next-token", "the model's own distribution, sharpened or flattened"),
    _sampler("greedy", "tokens:Greedy", "next-token", "the likeliest token each time"),
    _sampler("top-k", "tokens:TopK", "next-token", "the k likeliest tokens"),
    _sampler("top-p", "tokens:TopP", "next-token", "the fewest likeliest tokens that reach probability p"),
    _sampler("min-p", "tokens:MinP", "next-token", "tokens at least p times as likely as the likeliest"),
    _sampler(
        "dpm-solver++",
        "denoise:DPMSolver",
        "denoiser",
        "the flow from noise to data by DPM-Solver++(2M): second order, one call a step",
    ),
    _sampler("unipc", "denoise:UniPC", "denoiser", "the same flow by UniPC-2: third order, one call a step"),
    _sampler(
        "heun",
        "denoise:Heun",
        "denoiser",
        "the same flow by Heun's method, with churn if wanted: second order, two calls a step",
    ),
    _sampler("euler", "denoise:Euler", "denoiser", "the same flow by Euler's method: first order"),
    _sampler("ddim", "denoise:DDIM", "denoiser", "level by level with a chosen share of fresh noise"),
    _sampler("ddpm", "denoise:DDPM", "denoiser", "level by level as the noise was added (ancestral sampling)"),
    _sampler(
        "consistency", "denoise:Consistency", "denoiser", "a whole sample in one call, and fresh noise between calls"
    ),
    _sampler(
        "confidence",
        "unmask:Confidence",
        "unmasker",
        "hidden positions a few at a time, where the model is surest first",
    ),
    _sampler("random", "unmask:Random", "unmasker", "hidden positions a few at a time, in a random order"),
    _sampler("prior", "latent:Prior", "decoder", "latents from the unit normal, or from its middle"),
    _sampler(
        "guided",
        "guidance:Guided",
        "*",
        "another sampler, with what is asked for amplified (classifier-free guidance)",
    ),
    _sampler("inpaint", "inpainting:Inpainted", "*", "another sampler, around a part that is given"),
)
