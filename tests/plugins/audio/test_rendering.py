from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genwright.errors import DataError, OptionError
from genwright_audio.clip import Clip
from genwright_audio.rendering import draw, picture, sheet
from tests.plugins.audio.conftest import Tones


def tone(hertz: float, *, level: float = 0.5, rate: int = 8_000) -> Clip:
    wave = level * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)
    return Clip(wave=wave.astype(np.float32), rate=rate)


@pytest.mark.parametrize("hertz", [500, 1_000, 3_000])
def test_a_tone_is_a_line_at_its_height(hertz: float) -> None:
    drawn = np.asarray(picture(tone(hertz)).convert("L"), dtype=float)[48:]
    row = int(drawn[:, 100:220].mean(1).argmin())
    assert abs((96 - 1 - row) / 96 * 4_000 - hertz) < 100


def test_of_a_long_clip_no_sound_is_passed_over() -> None:
    """Of 18 ms in a minute each is a spot at its place, though a column stands for 190 ms."""
    rate, places = 44_100, [3.05 + 5.63 * number for number in range(10)]
    wave = np.zeros(60 * rate, np.float32)
    burst = 0.5 * np.sin(2 * np.pi * 5_000 * np.arange(int(0.018 * rate)) / rate)
    for place in places:
        wave[int(place * rate) :][: len(burst)] = burst
    drawn = np.asarray(picture(Clip(wave=wave, rate=rate)).convert("L"), dtype=float)[48:]
    row = drawn[round(95 - 5_000 / rate * 2 * 95)]
    seen = [row[int(320 * place / 60) - 1 :][:3].min() < 100 for place in places]
    assert seen == [True] * 10
    assert (row > 250).mean() > 0.8


def test_a_louder_wave_is_taller() -> None:
    heights = [(np.asarray(picture(tone(500, level=level)))[:48] < 255).any((1, 2)).sum() for level in (0.1, 0.5, 1.0)]
    assert heights == sorted(heights)
    assert heights[0] < 8
    assert heights[2] > 44


@pytest.mark.parametrize("count", [0, 1, 5, 100])
def test_clips_of_any_length_are_drawn(count: int) -> None:
    assert picture(Clip(wave=np.zeros(count, np.float32), rate=8_000)).size == (320, 144)


def test_a_sheet_has_a_place_for_each(tones: Tones) -> None:
    clips = tones(5)
    plain, said = sheet(clips), sheet(clips, legends=["five of them"] * 5)
    assert said.height > plain.height
    assert said.width == plain.width == 2 * 326 + 6


def test_files_are_pictures_or_pages(tones: Tones, tmp_path: Path) -> None:
    draw(tones(1), tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as drawn:
        assert drawn.size == (960, 432)
    draw(tones(2), tmp_path / "two.html")
    assert (tmp_path / "two.html").read_text(encoding="utf-8").count("<audio") == 2
    with pytest.raises(DataError, match=r"sounds are drawn as .png or .html; got 'a.svg'. Name the file so."):
        draw(tones(1), tmp_path / "a.svg")


def test_no_clips_too_many_or_too_few_legends_are_refused(tones: Tones, tmp_path: Path) -> None:
    (clip,) = tones(1)
    for clips in ([], [clip] * 401):
        with pytest.raises(OptionError, match=r"a drawing takes 1 to 400 clips; got"):
            draw(clips, tmp_path / "a.png")
    with pytest.raises(OptionError, match=r"legends are one a clip, or none; got 1 for 2 clips."):
        draw([clip, clip], tmp_path / "a.png", legends=["x"])
    assert not (tmp_path / "a.png").exists()
