"""What the audio plugin contributes. It imports nothing heavy: targets are loaded when they are used."""

from __future__ import annotations

from functools import partial

from genwright.hooks import hookimpl
from genwright.specs import DatasetSpec, DomainSpec, EncoderSpec, MetricSpec, ModelSpec

_encoder = partial(EncoderSpec, domain="audio")
_metric = partial(MetricSpec, domain="audio")
_dataset = partial(DatasetSpec, domain="audio", url="")
_spoken = partial(
    _dataset,
    sha256="014e817f9c25b6d71c36c74bd30c23509c78407a38ae322050192ac2c18645f5",
    licence="CC-BY-SA-4.0",
)


@hookimpl
def register_domains() -> list[DomainSpec]:
    """Return the domain of sounds."""
    return [
        DomainSpec(
            name="audio",
            target="genwright_audio.domain:Audio",
            summary="Sounds in one channel.",
            encoder="mel",
            media_type="audio/flac",
        )
    ]


@hookimpl
def register_encoders() -> list[EncoderSpec]:
    """Return the encoders of sounds."""
    return [
        _encoder(
            name="waveform",
            target="genwright_audio.waveform:Waveform",
            summary="Sounds as real numbers, sample after sample; silence at their end is cut off.",
            space="continuous",
            lossy=True,
        ),
        _encoder(
            name="mu-law",
            target="genwright_audio.mulaw:MuLaw",
            summary="Sounds as tokens: 256 levels a sample, finer where it is quiet, and one that ends a clip.",
            space="tokens",
            lossy=True,
        ),
        _encoder(
            name="mel",
            target="genwright_audio.mel:Mel",
            summary="Sounds as bands of frequencies, frame after frame, and back by a vocoder.",
            space="continuous",
            lossy=True,
        ),
        _encoder(
            name="codec",
            target="genwright_audio.codec:Codec",
            summary="Sounds as tokens, a few for every frame or two, by a codec that is trained beforehand.",
            space="tokens",
            lossy=True,
        ),
    ]


@hookimpl
def register_metrics() -> list[MetricSpec]:
    """Return the metrics of sounds."""
    return [
        _metric(
            name="kernel-distance",
            target="genwright_audio.metrics:kernel",
            summary="The kernel distance of weight-free features, times 1,000; without bias.",
        ),
        _metric(
            name="kernel-floor",
            target="genwright_audio.metrics:kernel_floor",
            summary="The kernel distance of as many real clips, held out from the reference.",
        ),
        _metric(
            name="frechet-distance",
            target="genwright_audio.metrics:frechet",
            summary="The Fréchet distance of weight-free features.",
        ),
        _metric(
            name="frechet-floor",
            target="genwright_audio.metrics:frechet_floor",
            summary="The Fréchet distance of as many real clips, held out from the reference.",
        ),
        _metric(
            name="frechet-audio-distance",
            target="genwright_audio.metrics:frechet_audio",
            summary="The Fréchet distance of what a network hears, whose file GENWRIGHT_AUDIO_EMBEDDING names.",
            named=True,
        ),
        *(spec for label in ("digit", "speaker", "kind") for spec in _told(label)),
        _metric(
            name="digit-unseen-speakers",
            target="genwright_audio.metrics:digit_unseen_speakers",
            summary="The share of real digits told by classifiers, trained half as long, that know other speakers.",
        ),
        _metric(
            name="diversity",
            target="genwright_audio.metrics:diversity",
            summary="How far apart samples of a digit or kind are, where real clips have 1.",
        ),
        _metric(
            name="copied",
            target="genwright_audio.metrics:copied",
            summary="The share more like a training clip than 99 of 100 training clips are like another.",
            against="training",
        ),
    ]


def _told(label: str) -> tuple[MetricSpec, MetricSpec]:
    return (
        _metric(
            name=f"{label}-agreement",
            target=f"genwright_audio.metrics:{label}_agreement",
            summary=f"The share that a classifier, trained on the reference, takes for the {label} asked for.",
        ),
        _metric(
            name=f"{label}-ceiling",
            target=f"genwright_audio.metrics:{label}_ceiling",
            summary=f"The share of held-out clips of the reference of which that classifier tells the {label}.",
        ),
    )


@hookimpl
def register_models() -> list[ModelSpec]:
    """Return the models that come with the plugin."""
    return [
        _model("digits", "Spoken digits by one of six speakers, by flow matching of mel bands.", default=True),
        _model("digits-wavenet", "Spoken digits, sample after sample, with an exact likelihood."),
        _model("drums", "Drums and other one-shots, from latents between which there are sounds too."),
    ]


def _model(name: str, summary: str, *, default: bool = False) -> ModelSpec:
    return ModelSpec(
        name=f"audio/{name}",
        target=f"genwright_audio:models/{name}",
        summary=summary,
        domain="audio",
        default=default,
    )


@hookimpl
def register_datasets() -> list[DatasetSpec]:
    """Return the data sets of sounds. No site has these files: put them into a mirror folder."""
    return [
        _spoken(
            name="fsdd",
            target="genwright_audio.spoken:read_train",
            summary="Spoken digits of six speakers at 8 kHz: the training set of the Free Spoken Digit Dataset.",
            rows=2_700,
        ),
        _spoken(
            name="fsdd-test",
            target="genwright_audio.spoken:read_test",
            summary="The test set of the Free Spoken Digit Dataset: other recordings of the same six speakers.",
            rows=300,
        ),
        _dataset(
            name="one-shots",
            target="genwright_audio.readers:read",
            summary="Drums and other short sounds at 44.1 kHz, of Sonic Pi.",
            sha256="be7209e12b5c238070dccd1eec9ea28fea31a0d63508e6c43246ba9b27a2aacf",
            licence="CC0-1.0",
            rows=157,
        ),
        _dataset(
            name="ljspeech32",
            target="genwright_audio.readers:read",
            summary="32 sentences of one speaker at 22.05 kHz, of LJ Speech.",
            sha256="4687bd6ecaf3a6ee7356fd3a3352a121122ff616ce9f539896e78ee59d045adf",
            licence="public domain",
            rows=32,
        ),
    ]
