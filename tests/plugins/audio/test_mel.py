from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from genwright.backbones.unet import UNet
from genwright.errors import CheckpointError, ConditionError, DataError, OptionError, UnknownName
from genwright.known import part
from genwright.readings import Condition
from genwright.seeds import Noise
from genwright.space import ConditionSpace, Continuous
from genwright.testing.encoders import check_encoder
from genwright_audio.clip import Clip
from genwright_audio.domain import Audio
from genwright_audio.mel import Mel
from genwright_audio.spectrum import MUSIC, TELEPHONE


def tone(seconds: float = 0.4, *, rate: int = 8000, pitch: float = 440, peak: float = 0.5) -> Clip:
    """Return a tone that fades in and out."""
    times = np.arange(round(seconds * rate)) / rate
    wave = peak * np.sin(2 * np.pi * pitch * times) * np.sin(np.pi * times / seconds)
    return Clip(wave=wave.astype(np.float32), rate=rate)


CLIPS = [tone(0.2 + 0.02 * number, pitch=300 + 50 * number) for number in range(16)]


def fitted(**options: object) -> Mel:
    encoder = Mel(**{"vocoder": "griffin-lim", **options})  # type: ignore[arg-type]
    encoder.fit(CLIPS)
    return encoder


@pytest.mark.parametrize("vary", [0.0, 0.2])
def test_it_keeps_the_contract_of_encoders(vary: float) -> None:
    found = check_encoder(Mel(vocoder="griffin-lim", vary=vary), CLIPS[::5], domain=Audio(), lossy=True)
    assert [check for check in found if check.trouble] == []


def test_it_augments_where_it_is_made_to_vary_clips() -> None:
    assert not Mel().augments
    encoder = fitted(vary=0.2)
    assert encoder.augments
    assert torch.equal(encoder.encode(CLIPS), fitted().encode(CLIPS))


def test_frames_are_a_multiple_of_sixteen_that_holds_the_longest_clip() -> None:
    space = fitted(seconds=0.5).space
    assert space == Continuous(shape=(64, 64), axes=("C", "T"))
    assert fitted(seconds=0.504).space.shape == (64, 64)
    assert fitted(seconds=0.505).space.shape == (64, 80)


def test_the_rate_is_that_of_most_clips_and_the_seconds_those_of_nearly_all() -> None:
    encoder = Mel(vocoder="griffin-lim")
    encoder.fit([tone(rate=16_000), *[tone()] * 200, tone(3.0)])
    assert encoder.frames == TELEPHONE
    assert encoder.space.shape == (64, 64)


def test_silence_is_minus_one_and_the_loudest_one() -> None:
    x = fitted(seconds=1.0).encode(CLIPS)
    assert float(x.max()) == pytest.approx(1)
    assert x[:, :, -4:].unique().tolist() == pytest.approx([-1])


@pytest.mark.parametrize("rate", [8000, 22_050])
def test_a_tone_comes_back_at_its_pitch_loudness_and_length(rate: int) -> None:
    clip = tone(rate=rate, pitch=600)
    encoder = fitted(rate=rate, seconds=0.7)
    (again,) = encoder.decode(encoder.encode([clip]))
    assert again.rate == rate
    assert abs(again.seconds - clip.seconds) < 3 * encoder.frames.hop / rate
    spectrum = np.abs(np.fft.rfft(again.wave))
    assert spectrum.argmax() / again.seconds == pytest.approx(600, abs=20)
    assert float(np.square(again.wave).sum()) == pytest.approx(float(np.square(clip.wave).sum()), rel=0.2)


def test_a_clip_ends_before_traces_of_noise_that_a_model_draws_after_it() -> None:
    encoder = fitted(seconds=1.0)
    x = encoder.encode([tone(0.4)])
    (plain,) = encoder.decode(x)
    last = encoder.frames.holding(round(0.5 * 8000))
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    x[:, :, last:] += 0.1 * noise[:, :, last:]
    x[:, ::8, last + 20] = 0.0
    (again,) = encoder.decode(x)
    assert abs(len(again.wave) - len(plain.wave)) <= encoder.frames.hop


@pytest.mark.parametrize("rate", [8000, 22_050])
@pytest.mark.parametrize(("pitch", "peak"), [(1000, 0.5), (300, 0.1), (3000, 0.02), (60, 0.5)])
def test_a_tone_fills_few_bands_and_is_not_cut(rate: int, pitch: float, peak: float) -> None:
    encoder = fitted(rate=rate, seconds=0.7)
    (again,) = encoder.decode(encoder.encode([tone(0.6, rate=rate, pitch=pitch, peak=peak)]))
    assert again.seconds == pytest.approx(0.6, abs=3 * encoder.frames.hop / rate)


@pytest.mark.parametrize("before", [0.0, 0.3])
@pytest.mark.parametrize("pause", [0.2, 4.0])
def test_a_pause_does_not_end_a_clip(before: float, pause: float) -> None:
    encoder, silence = fitted(seconds=5.0), np.zeros(round(8000 * pause), np.float32)
    parts = [tone(before).wave if before else silence[:0], silence, tone(0.1, peak=0.1).wave]
    (again,) = encoder.decode(encoder.encode([Clip(wave=np.concatenate(parts), rate=8000)]))
    assert again.seconds == pytest.approx(before + pause + 0.1, abs=3 * encoder.frames.hop / 8000)


def test_what_is_decoded_has_steps_of_16_bits() -> None:
    encoder = fitted()
    (clip,) = encoder.decode(encoder.encode(CLIPS[:1]))
    assert clip.wave.dtype == np.float32
    assert np.array_equal(clip.wave * 32768, np.round(clip.wave * 32768))


def test_a_clip_has_the_same_bits_alone_and_among_sixteen() -> None:
    encoder = fitted()
    x = encoder.encode(CLIPS)
    together = encoder.decode(x)
    for row, clip in enumerate(CLIPS):
        assert torch.equal(encoder.encode([clip])[0], x[row])
        assert np.array_equal(encoder.decode(x[row : row + 1])[0].wave, together[row].wave)


def test_the_bits_do_not_depend_on_the_threads() -> None:
    encoder, before = fitted(), torch.get_num_threads()
    x = encoder.encode(CLIPS[:2])
    one = encoder.decode(x)
    try:
        torch.set_num_threads(2)
        assert torch.equal(encoder.encode(CLIPS[:2]), x)
        assert all(np.array_equal(a.wave, b.wave) for a, b in zip(one, encoder.decode(x), strict=True))
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e6, 0.0, -1.0])
def test_whatever_the_tensors_hold_a_clip_comes_back(value: float) -> None:
    encoder = fitted()
    (clip,) = encoder.decode(torch.full((1, *encoder.space.shape), value))
    assert np.isfinite(clip.wave).all()
    assert np.abs(clip.wave).max() <= 1
    assert len(clip.wave) >= encoder.frames.size


def test_a_clip_of_another_rate_is_resampled() -> None:
    encoder = fitted()
    near, far = encoder.encode([tone(pitch=1000), tone(pitch=1000, rate=44_100)])
    loud = near > 0.5
    torch.testing.assert_close(near[loud], far[loud], atol=0.02, rtol=0)


def test_an_encoder_is_restored_by_its_state() -> None:
    encoder, other = fitted(high=3500.0), Mel()
    other.restore(json.loads(json.dumps(encoder.state())))
    assert other.space == encoder.space
    x = encoder.encode(CLIPS)
    assert torch.equal(other.encode(CLIPS), x)
    assert np.array_equal(other.decode(x[:1])[0].wave, encoder.decode(x[:1])[0].wave)


def test_a_part_of_a_clip_can_be_kept_and_the_rest_drawn() -> None:
    encoder = fitted(seconds=0.5)
    free = encoder.free(0.2)
    known = part(encoder, CLIPS[-1], free)
    assert known.isnan().any(0).tolist() == free.tolist()
    assert free.tolist() == [64 * frame / 8000 >= 0.2 for frame in range(64)]
    assert encoder.free(0.1, 0.2).sum() == 12


def test_a_unet_takes_bands_as_channels() -> None:
    encoder = fitted()
    network = UNet(space=encoder.space, conditions=ConditionSpace(), width=8, groups=4)
    x = encoder.encode(CLIPS[:2])
    assert network(x, torch.zeros(2), Condition.none(2)).shape == x.shape


def test_a_clip_that_is_too_long_is_refused() -> None:
    with pytest.raises(DataError, match=r"up to 0.504 seconds; got one of 0.6. Cut it, or set seconds."):
        fitted(seconds=0.5).encode([tone(0.6)])


def test_clips_longer_than_there_is_room_for_are_not_asked_for() -> None:
    encoder = fitted()
    encoder.check_room({"seconds": 0.5})
    with pytest.raises(ConditionError, match=r"'seconds' asks for 25; this model has room for 0.504. Ask for that or"):
        encoder.check_room({"seconds": 25.0})


def test_an_empty_clip_is_refused() -> None:
    with pytest.raises(DataError, match=r"with a sample or more; got none \(a.wav\). Leave it out."):
        fitted().encode([Clip(wave=np.zeros(0, np.float32), rate=8000, file="a.wav")])


def test_a_clip_with_samples_that_are_no_numbers_is_refused() -> None:
    with pytest.raises(DataError, match=r"samples that are numbers; got some that are none. Leave it out."):
        fitted().encode([Clip(wave=np.full(800, np.nan, np.float32), rate=8000)])


def test_training_clips_that_cannot_be_encoded_are_passed_over_in_fitting() -> None:
    encoder = Mel(seconds=0.5, vocoder="griffin-lim")
    encoder.fit([*CLIPS, tone(2.0, peak=1.0)])
    assert encoder.state()["loudest"] == fitted(seconds=0.5).state()["loudest"]


def test_without_training_clips_nothing_is_learned() -> None:
    with pytest.raises(DataError, match=r"learns how loud clips are from training clips; got none. Give it some."):
        Mel().fit([])


@pytest.mark.parametrize("seconds", [0.0, -1.0, 31.0, math.nan])
def test_clips_of_no_length_and_very_long_ones_are_refused(seconds: float) -> None:
    with pytest.raises(OptionError, match=r"clips of up to 30 seconds; got seconds=.*. Try seconds=1."):
        Mel(seconds=seconds)


def test_what_is_wrong_with_frames_is_said_when_they_are_asked_for() -> None:
    with pytest.raises(OptionError, match="a quarter of that or less; got size 256 and hop 128"):
        Mel(rate=8000, size=256, hop=128)


@pytest.mark.parametrize(("rate", "bands"), [(1000, 16), (2000, 32), (10, 2), (4000, 64)])
def test_of_low_rates_there_are_as_many_bands_as_have_a_frequency(rate: int, bands: int) -> None:
    assert Mel(rate=rate).frames.bands == bands


def test_more_bands_than_have_a_frequency_are_refused_before_clips_are_read() -> None:
    with pytest.raises(OptionError, match=r"each mel band needs a frequency .* of 200 bands have none"):
        Mel(rate=8000, bands=200)


@pytest.mark.parametrize("vary", [0.0, 0.2])
def test_of_no_clips_there_are_no_bands(vary: float) -> None:
    noise = Noise(0, torch.arange(0))
    assert fitted(seconds=0.5, vary=vary).encode([], noise=noise).shape == (0, 64, 64)


def test_frames_are_those_of_the_vocoder() -> None:
    """Also the rate is, whatever clips have."""
    encoder = Mel(vocoder="22k")
    encoder.fit(CLIPS)
    assert encoder.frames == MUSIC
    assert encoder.vocoder.name == "22k"


def test_the_vocoder_that_fits_is_taken_unless_another_is_asked_for() -> None:
    assert Mel(rate=8000).vocoder.name == "speech-8k"
    assert Mel(rate=8000, vocoder="griffin-lim").frames == Mel(rate=8000).frames
    assert Mel(rate=8000, bands=40).vocoder.name == "griffin-lim"


def test_a_vocoder_for_another_rate_is_refused() -> None:
    with pytest.raises(OptionError, match=r"'22k' takes bands of Frames\(rate=22050, .* that fit these: griffin-lim."):
        Mel(rate=16_000, vocoder="22k")


def test_a_model_is_bound_to_the_vocoder_it_was_made_with() -> None:
    encoder = Mel(rate=8000)
    encoder.fit(CLIPS)
    state = {**encoder.state(), "vocoder": {"name": "speech-8k", "digest": "0" * 64}}
    with pytest.raises(CheckpointError, match=r"'speech-8k' of the digest 000000000000; installed under this name is"):
        Mel(rate=8000).restore(state)


def test_a_vocoder_that_is_not_there_is_named() -> None:
    with pytest.raises(UnknownName, match=r"there is no vocoder named 'grifin-lim'. Did you mean 'griffin-lim'"):
        Mel(rate=8000, vocoder="grifin-lim")


def test_no_text_starts_a_sound() -> None:
    with pytest.raises(ConditionError, match=r"'mel' gives no tokens, so no text starts a sound. To have a clip"):
        Mel().prefix("hello")
