"""What the images plugin contributes. It imports nothing heavy: targets are loaded when they are used."""

from __future__ import annotations

from functools import partial

from genwright.hooks import hookimpl
from genwright.specs import DatasetSpec, DomainSpec, EncoderSpec, MetricSpec, ModelSpec

_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_MNIST = "https://storage.googleapis.com/cvdf-datasets/mnist"
_MNIST_TERMS = "CC-BY-SA-3.0, as usually stated; the authors say nothing of it"

_metric = partial(MetricSpec, domain="images")
_dataset = partial(DatasetSpec, target="genwright_images.readers:read", domain="images")
_digits = partial(_dataset, licence=_MNIST_TERMS)
_train_digits = partial(
    _digits,
    url=f"{_MNIST}/train-images-idx3-ubyte.gz",
    sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    mirrors=("555bd9793f8fc2385a667685a6c765e04208c995c687a0275bb395e10a37222a",),
    rows=60_000,
)
_test_digits = partial(
    _digits,
    url=f"{_MNIST}/t10k-images-idx3-ubyte.gz",
    sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    mirrors=("d79acc9433789f5e79d955d419eaf4a8cd80df556be4d5fa07125b2a1bd2c79e",),
    rows=10_000,
)


@hookimpl
def register_domains() -> list[DomainSpec]:
    """Return the domain of images."""
    return [
        DomainSpec(
            name="images",
            target="genwright_images.domain:Images",
            summary="Pictures in grey or RGB.",
            encoder="pixels",
            media_type="image/png",
            fingerprints={"phash": "hamming"},
        )
    ]


@hookimpl
def register_encoders() -> list[EncoderSpec]:
    """Return the encoders of images."""
    return [
        EncoderSpec(
            name="pixels",
            target="genwright_images.pixels:Pixels",
            summary="Images as real numbers, black at -1 and white at 1.",
            domain="images",
            space="continuous",
        ),
        EncoderSpec(
            name="levels",
            target="genwright_images.levels:Levels",
            summary="Images as tokens: 256 levels a channel, or as few as black and white.",
            domain="images",
            space="tokens",
        ),
        EncoderSpec(
            name="palette",
            target="genwright_images.palette:Palette",
            summary="Images in colour as tokens, each a colour of a palette that is fitted to the data.",
            domain="images",
            space="tokens",
            lossy=True,
        ),
    ]


@hookimpl
def register_metrics() -> list[MetricSpec]:
    """Return the metrics of images."""
    return [
        _metric(
            name="kernel-distance",
            target="genwright_images.metrics:kernel",
            summary="The kernel distance of weight-free features, times 1,000; without bias.",
        ),
        _metric(
            name="frechet-distance",
            target="genwright_images.metrics:frechet",
            summary="The Fréchet distance of weight-free features.",
        ),
        _metric(
            name="class-agreement",
            target="genwright_images.metrics:class_agreement",
            summary="The share that a classifier, trained on the reference, takes for the class asked for.",
        ),
        _metric(
            name="class-ceiling",
            target="genwright_images.metrics:class_ceiling",
            summary="The share of held-out images of the reference of which that classifier tells the class.",
        ),
    ]


@hookimpl
def register_models() -> list[ModelSpec]:
    """Return the models that come with the plugin."""
    return [
        _model("fashion", "Articles of clothing in ten classes, 28 x 28 in grey, by flow matching.", default=True),
        _model("fashion-student", "What images/fashion draws in twenty calls of its network, in one or two."),
        _model("fashion-gan", "Articles of clothing in ten classes, by a generator, in one call."),
        _model("fashion-pixels", "Articles of clothing in ten classes, pixel after pixel, with an exact likelihood."),
        _model("digits", "Handwritten digits in black and white, pixel after pixel, with an exact likelihood."),
        _model("emoji", "Emoji of what a few words say, 32 x 32 in colour, by diffusion of latents."),
        _model("emoji-vae", "Emoji as 4 x 8 x 8 numbers, and back; it decodes what images/emoji draws."),
    ]


def _model(name: str, summary: str, *, default: bool = False) -> ModelSpec:
    return ModelSpec(
        name=f"images/{name}",
        target=f"genwright_images:models/{name}",
        summary=summary,
        domain="images",
        default=default,
    )


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    """Return the data sets of images."""
    return list(_DATASETS)


# The digests are of the files of images; their labels lie beside them, and the reader finds them there.
_DATASETS = (
    _dataset(
        name="fashion-mnist",
        summary="Articles of clothing in ten classes, 28 x 28 in grey: the training set.",
        url=f"{_FASHION}/train-images-idx3-ubyte.gz",
        sha256="3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        mirrors=("ef2395a7cf9cb322b6ebdd333b61f9a35bf4e973470e202bb7bdeb9fabcfe1b1",),
        licence="MIT",
        rows=60_000,
    ),
    _dataset(
        name="fashion-mnist-test",
        summary="The test set of Fashion-MNIST.",
        url=f"{_FASHION}/t10k-images-idx3-ubyte.gz",
        sha256="346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        mirrors=("326c5aee3a2f8f494f456c3e982e453c1264af3040dbe3388a5201a74734bfdc",),
        licence="MIT",
        rows=10_000,
    ),
    _train_digits(name="mnist", summary="Handwritten digits, 28 x 28 in grey: the training set."),
    _test_digits(name="mnist-test", summary="The test set of MNIST."),
    _train_digits(
        name="binary-mnist",
        target="genwright_images.binarised:read",
        summary="MNIST's training set in black and white: each pixel drawn once, by how light it is.",
    ),
    _test_digits(
        name="binary-mnist-test",
        target="genwright_images.binarised:read",
        summary="The test set of MNIST in black and white, drawn as binary-mnist is.",
    ),
    _train_digits(
        name="stacked-mnist",
        target="genwright_images.stacked:read",
        summary="Three of MNIST's training digits an image, in red, green and blue: 1,000 classes, 000 to 999.",
    ),
    _dataset(
        name="emoji",
        summary="Emoji and flags with their names, 32 x 32. No site has this file: put it into a mirror folder.",
        url="",
        sha256="052bae02dfcc5cadf80778a7da8b0e03d872477b3aea63fafd5e24548a753011",
        licence="Apache-2.0 (Noto emoji); the flags are in the public domain; the names MIT (unicode-emoji-json)",
        rows=3_673,
    ),
)
