from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import numpy as np
from PIL import Image

from genwright_audio.clip import Clip
from genwright_audio.files import decoded
from genwright_audio.page import page
from genwright_audio.rendering import picture, to_png
from tests.plugins.audio.conftest import Tones


def shown(*clips: Clip, legends: tuple[str, ...] = ()) -> str:
    return "".join(page([(clip, to_png(picture(clip))) for clip in clips], legends=legends))


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


class Reader(HTMLParser):
    """What a browser would find in a page: its tags, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data


def test_nothing_is_fetched_and_all_text_is_escaped() -> None:
    script, picture = "<script>alert(1)</script>", '"><img src=http://x>&lt;'
    text = shown(Clip(wave=np.full(9, 0.5, np.float32), rate=8_000, facts={"text": script}), legends=(picture,))
    plain = shown(Clip(wave=np.full(9, 0.5, np.float32), rate=8_000), legends=("plain",))
    found = Reader(text)
    assert picture in found.said
    assert f"text: {script}" in found.said
    # The same tags as of a plain text, but for the line that says the fact.
    assert [tag for tag, _ in found.tags] == [*(tag for tag, _ in Reader(plain).tags), "br"]
    loaded = [value for _, given in found.tags for name, value in given.items() if name in ("src", "href")]
    assert len(loaded) == 2
    assert all(value is not None and value.startswith("data:") for value in loaded)
    assert "default-src 'none'" in text


def test_an_empty_clip_has_a_figure_without_a_player(tones: Tones) -> None:
    found = Reader(shown(Clip(wave=np.zeros(0, np.float32), rate=8_000), *tones(1)))
    assert [tag for tag, _ in found.tags if tag in ("figure", "audio")] == ["figure", "figure", "audio"]
    assert "0.00 s, 8,000 Hz" in found.said


def test_a_page_is_made_part_by_part(tones: Tones) -> None:
    made: list[Clip] = []

    def drawn() -> Iterator[tuple[Clip, bytes]]:
        for clip in tones(3):
            made.append(clip)
            yield clip, b""

    counts = [len(made) for _ in page(drawn())]
    assert counts == [0, 1, 2, 3, 3]
