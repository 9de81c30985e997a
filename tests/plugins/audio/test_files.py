from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from genwright.errors import DataError
from genwright_audio import files
from genwright_audio.clip import Clip, stepped
from genwright_audio.files import FORMATS, decoded, encoded, from_bytes, to_bytes
from tests.plugins.audio.test_mpeg import headless, mp3


def noise(count: int = 1_000, rate: int = 8_000, **facts: str) -> Clip:
    return Clip(wave=stepped(np.random.default_rng(0).uniform(-1, 1, count)), rate=rate, facts=facts)


def file_of(channels: np.ndarray, *, rate: int = 8_000, subtype: str = "FLOAT", kind: str = "WAV") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, channels, rate, subtype, format=kind)
    return stream.getvalue()


@pytest.mark.parametrize("rate", [1, 100, 8_000, 11_025, 44_100, 192_000, 700_000])
@pytest.mark.parametrize("count", [1, 2, 100, 5_000])
def test_clips_come_back_to_the_bit_with_their_facts(rate: int, count: int) -> None:
    clip = noise(count, rate, digit="3", text='fünf "quoted" \u2028 <b>')
    assert from_bytes(to_bytes(clip)) == clip
    assert to_bytes(clip) == to_bytes(clip)


def test_16_and_24_bits_are_flac_and_other_numbers_floats() -> None:
    fine = Clip(wave=np.array([0.5 + 1 / (1 << 23)], np.float32), rate=8_000)
    finest = Clip(wave=np.array([1 / 3, 1.0], np.float32), rate=8_000)
    kinds = [soundfile.info(io.BytesIO(to_bytes(clip))).subtype for clip in (noise(), fine, finest)]
    assert kinds == ["PCM_16", "PCM_24", "FLOAT"]
    for clip in (fine, finest):
        assert from_bytes(to_bytes(clip)) == clip


@pytest.mark.parametrize("ending", FORMATS)
def test_each_kind_of_file_says_what_the_clip_does(ending: str) -> None:
    clip = noise(8_000, digit="3", speaker="Jürgen")
    found = decoded(io.BytesIO(encoded(clip, ending)))
    assert found.facts == clip.facts
    assert found.rate == clip.rate
    if ending in (".wav", ".flac"):
        assert found == clip


@pytest.mark.parametrize("ending", FORMATS)
def test_a_long_text_leaves_room_for_where_a_clip_came_from(ending: str) -> None:
    clip = noise(8_000, kind="k" * 3_000, text="ö" * 4_096, digit="3", sample="5f1c/0")
    found = decoded(io.BytesIO(encoded(clip, ending)))
    assert found.facts == ({"digit": "3", "sample": "5f1c/0"} if ending == ".wav" else clip.facts)


def test_channels_are_averaged() -> None:
    found = decoded(io.BytesIO(file_of(np.array([[0.5, 0.0], [1.0, -0.5]], np.float32))))
    assert found.wave.tolist() == [0.25, 0.25]


def test_a_little_over_full_scale_is_cut_and_more_is_left_for_its_flaw() -> None:
    assert decoded(io.BytesIO(file_of(np.array([1.2, -1.4], np.float32)))).wave.tolist() == [1.0, -1.0]
    assert decoded(io.BytesIO(file_of(np.array([2.0, -1.0], np.float32)))).wave.tolist() == [2.0, -1.0]


def test_samples_that_are_no_numbers_are_left_for_their_flaw() -> None:
    assert np.isnan(decoded(io.BytesIO(file_of(np.array([np.nan, 0.5], np.float32)))).wave[0])


@pytest.mark.parametrize("data", [b"", b"RIFF", b"not a sound at all" * 100, bytes(1_000)])
def test_what_is_no_sound_is_refused(data: bytes) -> None:
    with pytest.raises(DataError, match=r"It cannot be read as a sound: "):
        decoded(io.BytesIO(data))


def test_equal_clips_are_equal_bytes_at_another_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libsndfile puts the time of writing into a WAV of floats."""
    finest = Clip(wave=np.array([1 / 3, 1.0], np.float32), rate=8_000, facts={"text": "PEAK data"})
    data = to_bytes(finest)
    assert data[data.rfind(b"PEAK") + 12 :][:4] == bytes(4)
    assert from_bytes(data) == finest


@pytest.mark.parametrize(
    "wave", [[], [0.0, 0.0], [np.nan, 0.5], [np.inf], [7.0], [1.2, -0.3], [-1.0], [1.0], [-1.0, 32_767 / 32_768]]
)
def test_flawed_clips_and_extremes_come_back_too(wave: list[float]) -> None:
    clip = Clip(wave=np.array(wave, np.float32), rate=8_000, facts={"kind": "odd"})
    found = from_bytes(to_bytes(clip))
    assert (found.rate, found.facts) == (clip.rate, clip.facts)
    assert np.array_equal(found.wave, clip.wave, equal_nan=True)


def test_a_record_longer_than_what_is_read_comes_back() -> None:
    long = Clip(wave=np.full(601, 0.5, np.float32), rate=1)
    assert from_bytes(to_bytes(long)) == long
    with pytest.raises(DataError, match=r"It takes 601 seconds, over the limit of 600."):
        decoded(io.BytesIO(to_bytes(long)))


def test_a_file_of_nothing_is_not_written() -> None:
    for ending in FORMATS:
        with pytest.raises(DataError, match=r"holds a sample or more; got a clip that is empty \(a.wav\). Leave it"):
            encoded(Clip(wave=np.zeros(0, np.float32), rate=8_000, file="a.wav"), ending)


def test_a_rate_that_a_kind_cannot_have_is_named() -> None:
    with pytest.raises(DataError, match=r"a .flac file should hold 700,000 Hz; it cannot: .*rate. Write a .wav."):
        encoded(noise(10, 700_000), ".flac")


def test_memory_is_bounded_whatever_the_header_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST", 99)
    with pytest.raises(DataError, match=r"It has 100 samples, over the limit of 99."):
        decoded(io.BytesIO(encoded(noise(100), ".flac")))


def test_channels_are_averaged_block_by_block(monkeypatch: pytest.MonkeyPatch) -> None:
    channels = np.random.default_rng(0).uniform(-1, 1, (1_000, 7)).astype(np.float32)
    whole = decoded(io.BytesIO(file_of(channels))).wave
    monkeypatch.setattr(files, "_BLOCK", 21)
    assert np.array_equal(decoded(io.BytesIO(file_of(channels))).wave, whole)
    assert np.abs(whole - channels.mean(1)).max() < 1e-6


def test_a_flac_without_a_length_is_refused() -> None:
    data = bytearray(encoded(noise(100), ".flac"))
    # The 36 bits of its length, in the first block of metadata.
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    with pytest.raises(DataError, match=r"It does not say how long it is."):
        decoded(io.BytesIO(data))


@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_an_mp3_that_does_not_say_its_length_is_read_whole_or_not_at_all(rate: int) -> None:
    steady = headless(mp3(rate))
    assert abs(len(decoded(io.BytesIO(steady)).wave) - 2 * rate) < 4 * 1_152
    with pytest.raises(DataError, match=r"It breaks off after"):
        decoded(io.BytesIO(steady[: len(steady) // 2 - 100]))
    varying = headless(mp3(rate, mode="VARIABLE", seconds=10))
    with pytest.raises(DataError, match=r"It does not say how long it is, and of .* would be read. Write it again."):
        decoded(io.BytesIO(varying))
    with pytest.raises(DataError, match=r"It breaks off after"):
        decoded(io.BytesIO(varying[: len(varying) // 2 - 100]))


def test_ten_hours_are_refused_by_their_header(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "long.flac", "w", 8_000, 1, "PCM_16") as file:
        for _ in range(10):
            file.write(np.zeros(8_000 * 61, np.int16))
    with (tmp_path / "long.flac").open("rb") as stream, pytest.raises(DataError, match=r"It takes 610 seconds, over"):
        decoded(stream)


@pytest.mark.parametrize("comment", ["hello", "[1]", '{"digit": 3}', '{"other": "x"}', "{"])
def test_a_comment_of_another_program_says_nothing(comment: str, tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "a.flac", "w", 8_000, 1) as file:
        file.comment = comment
        file.write(np.full(10, 0.5))
    with (tmp_path / "a.flac").open("rb") as stream:
        assert decoded(stream).facts == {}
