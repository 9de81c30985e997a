from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from genwright.errors import DataError
from genwright_audio.containers import breaks_off
from genwright_audio.files import decoded

KINDS = [
    ("WAV", "PCM_16"),
    ("WAV", "FLOAT"),
    ("RF64", "PCM_16"),
    ("W64", "PCM_16"),
    ("AIFF", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("FLAC", "PCM_16"),
    ("MP3", "MPEG_LAYER_III"),
]


def file_of(kind: str, subtype: str, count: int = 16_001) -> bytes:
    stream = io.BytesIO()
    wave = np.random.default_rng(0).uniform(-0.9, 0.9, count)
    soundfile.write(stream, wave, 8_000, subtype, format=kind)
    return stream.getvalue()


@pytest.mark.parametrize(("kind", "subtype"), KINDS)
def test_whole_files_are_read_and_no_part_of_one_is(kind: str, subtype: str) -> None:
    data = file_of(kind, subtype)
    assert abs(len(decoded(io.BytesIO(data)).wave) - 16_001) <= 1
    for share in (0.3, 0.6, 0.9, 0.99):
        with pytest.raises(DataError, match=r"It breaks off after|It cannot be read as a sound"):
            decoded(io.BytesIO(data[: int(len(data) * share)]))


@pytest.mark.parametrize("said", [0xFFFF_FFFF, 0x7FFF_FFFF, 0])
def test_a_size_that_means_until_the_end_is_believed(said: int) -> None:
    data, place = file_of("WAV", "PCM_16"), file_of("WAV", "PCM_16").index(b"data") + 4
    assert not breaks_off(io.BytesIO(data[:place] + said.to_bytes(4, "little") + data[place + 4 :]))


def test_only_the_samples_must_be_whole() -> None:
    """The byte that makes a chunk even may lack, and the size of all may count its own head."""
    data = file_of("WAV", "PCM_U8")
    sloppy = data[:4] + (len(data) + 8).to_bytes(4, "little") + data[8:]
    assert not breaks_off(io.BytesIO(sloppy[:-1]))
    assert breaks_off(io.BytesIO(data[:-2]))


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_what_follows_an_ogg_is_no_part_of_it(subtype: str) -> None:
    data = file_of("OGG", subtype)
    for count in (1, 100, 70_000):
        assert abs(len(decoded(io.BytesIO(data + bytes(count))).wave) - 16_001) <= 1
    assert breaks_off(io.BytesIO(data[:-1]))


def test_a_size_of_64_bits_that_nobody_put_in_is_none() -> None:
    data, place = file_of("RF64", "PCM_16"), file_of("RF64", "PCM_16").index(b"ds64") + 16
    assert breaks_off(io.BytesIO(data[:-2]))
    assert not breaks_off(io.BytesIO(data[:place] + bytes(8) + data[place + 8 : -2]))


@pytest.mark.parametrize("data", [b"OggS", b"OggS" + bytes(40)])
def test_a_page_that_is_not_the_last_is_no_end(data: bytes) -> None:
    assert breaks_off(io.BytesIO(data))


@pytest.mark.parametrize(
    "data", [b"", b"fLaC", b"ID3", b"RIFF", b"FORM" + bytes(3), b"RIFF" + bytes(20), b"riff" + b"\xff" * 90]
)
def test_of_what_says_nothing_the_decoder_knows(data: bytes) -> None:
    assert not breaks_off(io.BytesIO(data))
