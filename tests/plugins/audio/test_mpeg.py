from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from genwright_audio.mpeg import Frame, counted

# Heads of frames, with the size and the samples that they stand for.
HEADS = {
    "fffb9064": (417, 1_152),
    "fffb9264": (418, 1_152),
    "fffbe064": (1_044, 1_152),
    "fff344c4": (96, 576),
    "ffe348c4": (288, 576),
}


def mp3(rate: int = 44_100, *, mode: str = "CONSTANT", seconds: float = 2.0) -> bytes:
    """Return an MP3 whose rate of bits varies much if it may: a tone, then noise."""
    time = np.arange(int(rate * seconds)) / rate
    wave = 0.3 * np.sin(2_765 * time) + 0.3 * np.random.default_rng(0).uniform(-1, 1, len(time)) * (time > seconds / 2)
    stream = io.BytesIO()
    soundfile.write(stream, wave, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return stream.getvalue()


def headless(data: bytes) -> bytes:
    """Return an MP3 without the first frame, which says how long it is."""
    frame = Frame.read(data[:4])
    assert frame is not None
    return data[frame.size :]


@pytest.mark.parametrize("head", HEADS)
def test_a_head_says_its_size_and_samples(head: str) -> None:
    size, samples = HEADS[head]
    assert Frame.read(bytes.fromhex(head)) == Frame(size=size, samples=samples)


@pytest.mark.parametrize("head", ["", "fffb90", "00000000", "fff99064", "fffd9064", "fffb0064", "fffbf064", "fffb9c64"])
def test_what_is_no_head_is_none(head: str) -> None:
    assert Frame.read(bytes.fromhex(head)) is None


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100])
def test_samples_are_counted_where_nothing_says_them(rate: int, mode: str) -> None:
    data = mp3(rate, mode=mode)
    assert counted(io.BytesIO(data)) is None
    found = counted(io.BytesIO(headless(data)))
    assert found is not None
    samples, is_whole = found
    assert is_whole
    # The encoder puts some silence before and behind.
    assert 2 * rate <= samples < 2 * rate + 4 * 1_152


def test_a_last_frame_that_is_cut_is_seen_and_tags_are_passed_over() -> None:
    data = headless(mp3())
    whole = counted(io.BytesIO(data))
    assert whole is not None
    assert counted(io.BytesIO(data[:-1])) == (whole[0], False)
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 2, 44]) + bytes(2 * 128 + 44)
    foot = b"ID3\x04\x00\x10" + bytes([0, 0, 0, 5]) + bytes(5) + b"3DI" + bytes(7)
    for other in (tag + data, foot + data, data + b"TAG" + bytes(125)):
        assert counted(io.BytesIO(other)) == whole


@pytest.mark.parametrize("data", [b"", b"ID3", b"RIFF" + bytes(100), bytes(1_000)])
def test_what_is_no_mp3_is_not_counted(data: bytes) -> None:
    assert counted(io.BytesIO(data)) is None
