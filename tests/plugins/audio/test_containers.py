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
        with pytest.raises(DataError, match=r"It breaks off|It cannot be read as a sound"):
            decoded(io.BytesIO(data[: int(len(data) * share)]))


OGG = pytest.mark.parametrize("subtype", ["OPUS", "VORBIS"])


@OGG
def test_libsndfile_never_sees_an_ogg_file_that_breaks_off(subtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of Opus it then read memory that it had given back, and the process ended now and then."""
    data = file_of("OGG", subtype, 4_001)
    seen: list[object] = []
    monkeypatch.setattr(soundfile, "SoundFile", seen.append)
    for end in range(4, len(data)):
        with pytest.raises(DataError, match=r"It breaks off or is damaged: not all that it should hold"):
            decoded(io.BytesIO(data[:end]))
    assert seen == []


@OGG
def test_nor_one_with_a_damaged_page_or_something_behind_the_last(subtype: str) -> None:
    data = file_of("OGG", subtype)
    assert not breaks_off(io.BytesIO(data))
    pages = [place for place in range(len(data)) if data.startswith(b"OggS", place)]
    assert len(pages) > 3
    for place in [*(page + at for page in pages for at in (0, 5, 22, 26, 27, 29))][1:]:
        assert breaks_off(io.BytesIO(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :]))
    assert breaks_off(io.BytesIO(data[: pages[1]] + data[pages[1] + 1 :]))
    assert breaks_off(io.BytesIO(data + b"TAG"))


def test_a_page_is_as_its_checksum_says() -> None:
    """This checksum was computed bit by bit."""
    head, body = b"OggS" + bytes([0, 4]) + bytes(16), b"OggS" + bytes(21)
    page = head + (0xF7F9_4E05).to_bytes(4, "little") + bytes([1, len(body)]) + body
    assert not breaks_off(io.BytesIO(page))
    assert breaks_off(io.BytesIO(head + bytes(4) + bytes([1, len(body)]) + body))


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
