from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from genwright.errors import CheckpointError, ConditionError, DataError, OptionError, UnknownName
from genwright.space import Tokens
from genwright.testing.encoders import check_encoder
from genwright_audio.clip import Clip, flaw
from genwright_audio.codec import Codec
from genwright_audio.codecs import Trained
from genwright_audio.coding import Plan, Training
from genwright_audio.domain import Audio
from genwright_audio.griffinlim import GriffinLim
from genwright_audio.spectrum import Frames, log_mel

FRAMES = Frames(rate=8000, bands=40, size=256, hop=64)


def tone(seconds: float = 0.4, *, rate: int = 8000, pitch: float = 440, peak: float = 0.5) -> Clip:
    """Return a tone that fades in and out."""
    times = np.arange(round(seconds * rate)) / rate
    wave = peak * np.sin(2 * np.pi * pitch * times) * np.sin(np.pi * times / seconds)
    return Clip(wave=wave.astype(np.float32), rate=rate)


CLIPS = [tone(0.2 + 0.02 * number, pitch=300 + 50 * number) for number in range(16)]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a codec that was hardly trained, on tones."""
    recordings = torch.cat([torch.from_numpy(np.pad(clip.wave, (0, 400))) for clip in CLIPS])
    plan = Plan(frames=FRAMES, width=8, blocks=(1, 1), codebooks=4, latent=16, free=0, batch=32)
    training = Training(recordings, plan)
    for number in range(2):
        training.step(number, 0.5)
    found = tmp_path_factory.mktemp("codec") / "tones"
    Trained.save(found, training.network, card={})
    return found


@pytest.fixture
def encoder(folder: Path) -> Codec:
    return fitted(folder)


def fitted(folder: Path, **options: object) -> Codec:
    made = Codec(**{"codec": str(folder), **options})  # type: ignore[arg-type]
    made.fit(CLIPS)
    return made


def test_it_keeps_the_contract_of_encoders(folder: Path) -> None:
    found = check_encoder(Codec(codec=str(folder)), CLIPS, domain=Audio(), lossy=True)
    assert [check for check in found if check.trouble] == []


def test_a_second_has_tokens_of_63_vectors_and_one_that_ends_it(folder: Path) -> None:
    assert fitted(folder, seconds=1.0).space == Tokens(vocab_size=1025, shape=(63 * 4,), stop=1024)
    assert fitted(folder, seconds=1.0, codebooks=2).space == Tokens(vocab_size=513, shape=(63 * 2,), stop=512)


def test_tokens_are_those_of_each_table_in_turn(encoder: Codec) -> None:
    x = encoder.encode(CLIPS).view(16, -1, 4)
    tables = torch.where(x == 1024, -1, x // 256)
    assert {tuple(row) for row in tables.flatten(0, 1).tolist()} == {(0, 1, 2, 3), (-1, -1, -1, -1)}


def test_fewer_codebooks_are_the_first_of_them(folder: Path) -> None:
    whole, half = (fitted(folder, codebooks=count).encode(CLIPS[:1]).view(-1, count) for count in (4, 2))
    assert torch.equal(half.where(half < 512, 1024), whole[:, :2])


def test_a_clip_comes_back_as_long_as_it_was_to_a_vector(encoder: Codec) -> None:
    for clip, again in zip(CLIPS, encoder.decode(encoder.encode(CLIPS)), strict=True):
        assert 0 <= len(again.wave) - len(clip.wave) < 2 * FRAMES.hop
        assert again.rate == 8000


def test_a_voice_comes_back_about_as_loud_and_nearer_by_more_codebooks() -> None:
    clip, apart = voice(), []
    for count in (1, 8):
        encoder = Codec(codebooks=count)
        encoder.fit([clip])
        (again,) = encoder.decode(encoder.encode([clip]))
        loud = bands(clip) > bands(clip).max() - 3
        apart.append(float((bands(again, len(clip.wave)) - bands(clip))[loud].abs().mean()))
    assert apart[1] < min(0.7, apart[0])
    assert float(np.square(again.wave).sum()) == pytest.approx(float(np.square(clip.wave).sum()), rel=0.75)


def voice() -> Clip:
    """Return a buzz that fades in and out."""
    times = np.arange(4800) / 8000
    buzz = sum(np.sin(2 * np.pi * 150 * n * times) / n**1.5 for n in range(1, 20))
    return Clip(wave=(0.2 * buzz * np.sin(np.pi * times / times[-1])).astype(np.float32), rate=8000)


def bands(clip: Clip, length: int | None = None) -> torch.Tensor:
    return log_mel(torch.from_numpy(clip.wave[None, :length]), FRAMES)


def test_what_is_decoded_has_steps_of_16_bits(encoder: Codec) -> None:
    (clip,) = encoder.decode(encoder.encode(CLIPS[:1]))
    assert clip.wave.dtype == np.float32
    assert np.array_equal(clip.wave * 32768, np.round(clip.wave * 32768))


def test_a_clip_has_the_same_bits_alone_and_among_sixteen(encoder: Codec) -> None:
    x = encoder.encode(CLIPS)
    together = encoder.decode(x)
    for row, clip in enumerate(CLIPS):
        assert torch.equal(encoder.encode([clip])[0], x[row])
        assert np.array_equal(encoder.decode(x[row : row + 1])[0].wave, together[row].wave)


def test_the_bits_do_not_depend_on_the_threads(encoder: Codec) -> None:
    before, x = torch.get_num_threads(), encoder.encode(CLIPS[:2])
    one = encoder.decode(x)
    try:
        torch.set_num_threads(2)
        assert torch.equal(encoder.encode(CLIPS[:2]), x)
        assert all(np.array_equal(a.wave, b.wave) for a, b in zip(one, encoder.decode(x), strict=True))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("value", [-9, 0, 255, 256, 1023, 1024, 10**6])
def test_whatever_the_tokens_are_a_clip_comes_back(encoder: Codec, value: int) -> None:
    (clip,) = encoder.decode(torch.full((1, *encoder.space.shape), value))
    assert np.isfinite(clip.wave).all()
    assert np.abs(clip.wave).max() <= 1
    assert len(clip.wave) >= FRAMES.hop


def test_a_token_of_another_table_is_that_of_its_number(encoder: Codec) -> None:
    x = encoder.encode(CLIPS[:1])
    other = torch.where(x == 1024, x, (x + 256) % 1024)
    assert np.array_equal(encoder.decode(other)[0].wave, encoder.decode(x)[0].wave)


def test_of_a_vector_that_is_not_complete_nothing_is_heard(encoder: Codec) -> None:
    x = encoder.encode(CLIPS[:1])
    x[0, 4 * 5 + 3] = 1024
    (clip,) = encoder.decode(x)
    assert len(clip.wave) == (5 * 2 - 1) * FRAMES.hop
    x[0, 2] = -1
    assert flaw(encoder.decode(x)[0]) == "It is silent: no sample is over -78 dB of full scale."


def test_a_clip_shorter_than_a_frame_has_tokens_of_its_own(encoder: Codec) -> None:
    x = encoder.encode([Clip(wave=np.full(10, 0.1, np.float32), rate=8000)])
    assert int((x < 1024).sum()) == 4


def test_even_the_shortest_space_holds_a_frame(folder: Path) -> None:
    encoder = fitted(folder, seconds=0.001)
    (clip,) = encoder.decode(encoder.encode([Clip(wave=np.full(8, 0.1, np.float32), rate=8000)]))
    assert len(clip.wave) == 64


def test_a_clip_of_another_rate_is_resampled(encoder: Codec) -> None:
    near, far = encoder.encode([tone(pitch=1000), tone(pitch=1000, rate=44_100)])
    assert int((near < 1024).sum()) == int((far < 1024).sum())
    assert float((near == far).float().mean()) > 0.8


def test_an_encoder_is_restored_by_its_state(folder: Path) -> None:
    encoder, other = fitted(folder, codebooks=3, seconds=0.6, vocoder="griffin-lim"), Codec(codec=str(folder))
    other.restore(json.loads(json.dumps(encoder.state())))
    assert other.space == encoder.space
    x = encoder.encode(CLIPS)
    assert torch.equal(other.encode(CLIPS), x)
    assert np.array_equal(other.decode(x[:1])[0].wave, encoder.decode(x[:1])[0].wave)


def test_codec_and_vocoder_are_kept_by_name_and_digest(folder: Path, encoder: Codec) -> None:
    state = encoder.state()
    assert state["codec"] == {"name": str(folder), "digest": Trained.open(folder).digest}
    assert state["vocoder"] == {"name": GriffinLim.name, "digest": ""}
    for part, message in (("codec", "by the codec that they were"), ("vocoder", "by the vocoder it was")):
        changed = {**state, part: {**state[part], "digest": "0" * 64}}
        with pytest.raises(CheckpointError, match=message):
            Codec(codec=str(folder)).restore(changed)


def test_a_clip_that_is_too_long_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"encoder 'codec' takes clips of up to 0.5 seconds; got one of 0.6"):
        fitted(folder, seconds=0.5).encode([tone(0.6)])


def test_an_empty_clip_is_refused(encoder: Codec) -> None:
    with pytest.raises(DataError, match="encoder 'codec' takes clips with a sample or more; got none"):
        encoder.encode([Clip(wave=np.zeros(0, np.float32), rate=8000)])


def test_samples_that_are_no_numbers_are_refused(encoder: Codec) -> None:
    with pytest.raises(DataError, match="encoder 'codec' takes samples that are numbers; got some that are none"):
        encoder.encode([Clip(wave=np.array([0.0, math.nan], np.float32), rate=8000)])


@pytest.mark.parametrize("count", [0, 5])
def test_codebooks_that_a_codec_has_not_are_refused(folder: Path, count: int) -> None:
    with pytest.raises(OptionError, match=rf"has 1 to 4 codebooks; got {count}. Choose so many."):
        Codec(codec=str(folder), codebooks=count)


def test_a_codec_or_vocoder_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(UnknownName, match="no codec named 'mine'"):
        Codec(codec="mine")
    with pytest.raises(UnknownName, match="no vocoder named 'mine'"):
        Codec(codec=str(folder), vocoder="mine")


def test_no_text_starts_a_sound(encoder: Codec) -> None:
    with pytest.raises(ConditionError, match=r"encoder 'codec' has no token for text, so none starts a sound"):
        encoder.prefix("a")


def test_clips_longer_than_there_is_room_for_are_not_asked_for(encoder: Codec) -> None:
    room = encoder.grid.length / encoder.grid.rate
    encoder.check_room({"seconds": room})
    with pytest.raises(
        ConditionError, match=r"condition 'seconds' asks for 25; this model has room for 0\.\d+\. Ask for"
    ):
        encoder.check_room({"seconds": 25.0})
