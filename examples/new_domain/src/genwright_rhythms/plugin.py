"""What this plugin contributes. It imports nothing heavy: targets are loaded when they are used."""

from __future__ import annotations

from collections.abc import Iterable

from genwright.hooks import hookimpl
from genwright.specs import DatasetSpec, DomainSpec, EncoderSpec


@hookimpl
def register_domains() -> Iterable[DomainSpec]:
    """Return the domain."""
    yield DomainSpec(
        name="rhythms",
        target="genwright_rhythms.domain:RhythmsDomain",
        summary="drum rhythms of up to 16 pulses",
        encoder="rhythms-pulses",
        media_type="text/plain",
    )


@hookimpl
def register_encoders() -> Iterable[EncoderSpec]:
    """Return the encoder."""
    yield EncoderSpec(
        name="rhythms-pulses",
        target="genwright_rhythms.encoder:Pulses",
        summary="a token for each pulse",
        domain="rhythms",
        space="tokens",
    )


@hookimpl
def register_datasets() -> Iterable[DatasetSpec]:
    """Return the data that come with the plugin."""
    yield DatasetSpec(
        name="rhythms",
        target="genwright_rhythms.domain:read",
        summary="Euclidean rhythms: strokes spread as evenly as pulses allow",
        domain="rhythms",
        url="package://genwright_rhythms/rhythms.txt",
        sha256="706da6d5304dc4437f93e6d20e5a3a11ddd39531823284f6987a5f9ad86085bb",
        licence="CC0-1.0",
        rows=104,
    )
