from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from genwright_audio.clip import Clip
from genwright_audio.files import decoded
from genwright_audio.page import page
from genwright_audio.rendering import picture, to_png
from tests.plugins.audio.conftest import Tones


def shown(*clips: Clip, legends: tuple[str, ...] = ()) -> str:
    return page([(clip, to_png(picture(clip))) for clip in clips], legends=legends)


def test_each_clip_has_a_player_and_a_picture(tones: Tones) -> None:
    clips = tones(3, digit="3")
    text = shown(*clips, legends=("a", "b", "c"))
    sounds = re.findall(r'<audio controls preload="metadata" src="data:audio/wav;base64,([^"]+)">', text)
    pictures = re.findall(r'<img src="data:image/png;base64,([^"]+)"', text)
    assert [decoded(io.BytesIO(base64.b64decode(sound))) for sound in sounds] == clips
    assert [Image.open(io.BytesIO(base64.b64decode(drawn))).size for drawn in pictures] == [(320, 144)] * 3
    assert [
        f"{legend}<br>{clip.seconds:.2f} s, 8,000 Hz<br>digit: 3" in text
        for legend, clip in zip("abc", clips, strict=True)
    ]


def test_nothing_is_fetched_and_all_text_is_escaped() -> None:
    bad = Clip(wave=np.full(9, 0.5, np.float32), rate=8_000, facts={"text": "<script>alert(1)</script>"})
    text = shown(bad, legends=('"><img src=http://x>',))
    assert "<script" not in text
    assert "http://x" in text.replace("&lt;", "")
    assert "<img src=http" not in text
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []
    assert "default-src 'none'" in text
