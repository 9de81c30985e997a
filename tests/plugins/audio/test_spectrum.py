from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from genwright.errors import OptionError, ShapeError
from genwright.seeds import Noise
from genwright_audio.spectrum import FLOOR, MUSIC, TELEPHONE, Frames, istft, log_mel, mel_filters, stft

SPEECH = Frames(rate=22_050, bands=80, size=1024, hop=256, high=8000.0)
EVERY = [TELEPHONE, SPEECH, MUSIC]


def waves(rows: int, length: int) -> torch.Tensor:
    return 0.1 * Noise(3, torch.arange(rows)).normal("waves", 0, length)


@pytest.mark.parametrize("frames", EVERY)
@pytest.mark.parametrize("length", [1025, 4096, 5000])
def test_a_waveform_has_a_frame_a_hop_and_one_more(frames: Frames, length: int) -> None:
    expected = (2, frames.bands, length // frames.hop + 1)
    assert log_mel(waves(2, length), frames).shape == expected


@pytest.mark.parametrize("frames", EVERY)
def test_the_bits_of_a_row_do_not_depend_on_the_others(frames: Frames) -> None:
    x = waves(16, 4000)
    together = log_mel(x, frames)
    for row in range(16):
        assert torch.equal(log_mel(x[row : row + 1], frames)[0], together[row])


@pytest.mark.parametrize("frames", EVERY)
@pytest.mark.parametrize("length", [2048, 3001])
def test_a_waveform_comes_back_from_its_spectra(frames: Frames, length: int) -> None:
    x = waves(2, length)
    torch.testing.assert_close(istft(stft(x, frames), frames, length=length), x, atol=1e-6, rtol=0)


def test_a_tone_is_loudest_in_the_band_that_holds_it() -> None:
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(8000) / 8000)[None]
    band = int(log_mel(tone, TELEPHONE)[0, :, 60].argmax())
    heard = mel_filters(TELEPHONE)[band].nonzero()[:, 0] * TELEPHONE.rate / TELEPHONE.size
    assert heard.min() <= 1000 <= heard.max()


@pytest.mark.parametrize("frames", EVERY)
def test_each_band_is_a_triangle_of_area_one(frames: Frames) -> None:
    areas = mel_filters(frames).sum(1) * frames.rate / frames.size
    # Low bands are two or three frequencies wide, so a sum over those is but near the area.
    assert float((areas - 1).abs().max()) < 0.35
    assert float(areas.mean()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("frames", EVERY)
def test_bands_are_evenly_spaced_up_to_1_khz_and_by_a_constant_ratio_above(frames: Frames) -> None:
    fine = replace(frames, size=16 * frames.size)
    filters = mel_filters(fine)
    centres = filters.argmax(1) * fine.rate / fine.size
    apart, ratios = centres.diff(), centres[1:] / centres[:-1]
    step = fine.rate / fine.size
    below, above = centres[1:] < 1000, centres[:-1] > 1000
    assert float((apart[below] - apart[below].mean()).abs().max()) < 1.5 * step
    assert float(ratios[above].log().std()) < 1.5 * step / 1000


def test_magnitudes_and_not_powers_are_summed() -> None:
    x = waves(1, 4000)
    torch.testing.assert_close(log_mel(2 * x, TELEPHONE), log_mel(x, TELEPHONE) + math.log(2), atol=1e-4, rtol=0)


def test_silence_is_the_logarithm_of_the_floor() -> None:
    assert log_mel(torch.zeros(1, 4000), TELEPHONE).unique().tolist() == pytest.approx([math.log(FLOOR)])


def test_a_waveform_can_be_fitted_to_its_bands_after_generating() -> None:
    """What is kept from a call without gradients was refused where gradients were asked for."""
    frames = Frames(rate=8000, bands=20, size=200, hop=50)
    with torch.inference_mode():
        log_mel(waves(1, 400), frames)
    x = waves(1, 400).requires_grad_()
    log_mel(x, frames).sum().backward()
    assert x.grad is not None
    assert bool(x.grad.isfinite().all())


@pytest.mark.parametrize("samples", [1, 959, 960, 961, 8000])
def test_as_many_frames_as_hold_a_waveform_and_no_more(samples: int) -> None:
    count = TELEPHONE.holding(samples)
    assert count % 16 == 0
    assert (count - 1) * TELEPHONE.hop >= samples
    assert count == 16 or (count - 17) * TELEPHONE.hop < samples


def test_frames_are_plain_data_and_back() -> None:
    assert Frames.from_json(json.loads(json.dumps(SPEECH.to_json()))) == SPEECH


@pytest.mark.parametrize("name", ["rate", "bands", "size", "hop"])
def test_nothing_is_less_than_one(name: str) -> None:
    with pytest.raises(OptionError, match=rf"{name} is a whole number from 1; got 0. Choose another {name}."):
        Frames(**{**TELEPHONE.to_json(), name: 0})


def test_frames_overlap_by_three_quarters() -> None:
    with pytest.raises(OptionError, match=r"a quarter of that or less; got size 256 and hop 65. Try size 260"):
        Frames(rate=8000, bands=64, size=256, hop=65)


@pytest.mark.parametrize(("low", "high"), [(-1.0, None), (0.0, 4001.0), (500.0, 500.0)])
def test_bands_lie_below_half_the_rate(low: float, high: float | None) -> None:
    with pytest.raises(OptionError, match=r"to half the rate at most, 4000 Hz; got .* Choose other limits"):
        Frames(rate=8000, bands=64, size=256, hop=64, low=low, high=high)


def test_a_band_without_a_frequency_is_refused() -> None:
    with pytest.raises(OptionError, match=r"31.2 Hz apart; \d+ of 256 bands have none. Choose fewer bands"):
        mel_filters(Frames(rate=8000, bands=256, size=256, hop=64))


def test_a_waveform_shorter_than_half_a_frame_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"more than half a frame of 256 samples; got \[1, 128\]. Pad them"):
        stft(waves(1, 128), TELEPHONE)
