"""Core's own components: core is its own first plugin."""

from __future__ import annotations

from collections.abc import Iterable

from genwright.hooks import hookimpl
from genwright.specs import BackboneSpec, CommandSpec, EncoderSpec, EngineSpec, FamilySpec, SamplerSpec, StoreSpec

__all__ = [
    "register_backbones",
    "register_commands",
    "register_encoders",
    "register_engines",
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
    yield FamilySpec(
        name="autoregressive",
        target="genwright.families.autoregressive:Autoregressive",
        summary="one token after another; exact likelihood",
        spaces=("tokens",),
        reads="next-token",
        roles={"network": "causal"},
        likelihood="exact",
    )
    for name, target, summary in (
        ("diffusion", "diffusion:Diffusion", "removing noise of any level; a bound on the likelihood"),
        ("flow", "flow:Flow", "the velocity of a straight path from data to noise; a bound on the likelihood"),
    ):
        yield FamilySpec(
            name=name,
            target=f"genwright.families.{target}",
            summary=summary,
            spaces=("continuous",),
            reads="denoiser",
            roles={"network": "denoise"},
            likelihood="bound",
        )
    yield FamilySpec(
        name="masked",
        target="genwright.families.masked:Masked",
        summary="hidden tokens from those left (absorbing diffusion); a bound below the likelihood",
        spaces=("tokens",),
        reads="unmasker",
        roles={"network": "unmask"},
        likelihood="bound",
    )
    yield FamilySpec(
        name="vae",
        target="genwright.families.vae:VAE",
        summary="latents and what they stand for, learned together; a bound below the likelihood",
        spaces=("tokens", "continuous"),
        reads="decoder",
        roles={"posterior": "posterior", "likelihood": "generator"},
        likelihood="bound",
    )
    yield FamilySpec(
        name="consistency",
        target="genwright.families.consistency:Consistency",
        summary="a student of a diffusion or flow model that draws in one or two calls; no likelihood",
        spaces=("continuous",),
        reads="denoiser",
        roles={"network": "denoise"},
        sampler="consistency",
    )
    yield FamilySpec(
        name="gan",
        target="genwright.families.gan:GAN",
        summary="a generator against a critic; draws in one step, gives no likelihood",
        spaces=("continuous",),
        reads="decoder",
        roles={"generator": "generator", "critic": "critic"},
    )
    yield FamilySpec(
        name="vqvae",
        target="genwright.families.vqvae:VQVAE",
        summary="tokens for whatever is continuous or long, learned with what they stand for; draws through a prior",
        spaces=("tokens", "continuous"),
        reads="decoder",
        roles={"posterior": "posterior", "likelihood": "generator"},
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
    for name, target, summary in (
        ("dpm-solver++", "DPMSolver", "the flow from noise to data by DPM-Solver++(2M): second order, one call a step"),
        ("unipc", "UniPC", "the same flow by UniPC-2: third order, one call a step"),
        ("heun", "Heun", "the same flow by Heun's method, with churn if wanted: second order, two calls a step"),
        ("euler", "Euler", "the same flow by Euler's method: first order"),
        ("ddim", "DDIM", "level by level with a chosen share of fresh noise"),
        ("ddpm", "DDPM", "level by level as the noise was added (ancestral sampling)"),
        ("consistency", "Consistency", "a whole sample in one call, and fresh noise between calls"),
    ):
        yield SamplerSpec(name=name, target=f"genwright.samplers.denoise:{target}", summary=summary, reads="denoiser")
    yield SamplerSpec(
        name="confidence",
        target="genwright.samplers.unmask:Confidence",
        summary="hidden positions a few at a time, where the model is surest first",
        reads="unmasker",
    )
    yield SamplerSpec(
        name="random",
        target="genwright.samplers.unmask:Random",
        summary="hidden positions a few at a time, in a random order",
        reads="unmasker",
    )
    yield SamplerSpec(
        name="prior",
        target="genwright.samplers.latent:Prior",
        summary="latents from the unit normal, or from its middle",
        reads="decoder",
    )
    yield SamplerSpec(
        name="guided",
        target="genwright.samplers.guidance:Guided",
        summary="another sampler, with what is asked for amplified (classifier-free guidance)",
        reads="*",
    )
    yield SamplerSpec(
        name="inpaint",
        target="genwright.samplers.inpainting:Inpainted",
        summary="another sampler of denoisers, around a part that is given",
        reads="denoiser",
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
    ),
    BackboneSpec(
        name="pixelcnn",
        target="genwright.backbones.pixelcnn:PixelCNN",
        summary="gated convolutions over images of tokens, pixel after pixel",
        spaces=("tokens",),
        roles=("causal",),
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
