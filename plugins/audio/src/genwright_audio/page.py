"""A page of sounds with players, which opens without a network."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator, Sequence

from genwright_audio.clip import Clip, facts
from genwright_audio.files import encoded

__all__ = ["page"]

_BEGIN = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'">
<title>Sounds</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 2rem; color: #222 }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(330px, 1fr)); gap: 1.5rem }
figure { margin: 0 }
img, audio { width: 320px; display: block }
figcaption { margin-top: .3rem; overflow-wrap: anywhere }
</style>
</head>
<body>
<main>
"""
_END = """</main>
</body>
</html>
"""
_FIGURE = """<figure>
<img src="data:image/png;base64,{picture}" alt="Waveform and spectrogram" width="320">
{player}
<figcaption>{words}</figcaption>
</figure>
"""
_PLAYER = '<audio controls preload="metadata" src="data:audio/wav;base64,{sound}"></audio>'


def page(drawn: Iterable[tuple[Clip, bytes]], *, legends: Sequence[str] = ()) -> Iterator[str]:
    """Yield, part by part, a page of HTML with all that it shows and plays in it, of clips and their pictures as PNG.

    Each has a player unless it is empty, and says its legend, its length and rate, and its facts. All text is escaped,
    and the page forbids itself whatever is not in it.
    """
    yield _BEGIN
    for place, (clip, picture) in enumerate(drawn):
        yield _figure(clip, picture, legends[place] if legends else "")
    yield _END


def _figure(clip: Clip, picture: bytes, legend: str) -> str:
    words = [legend, f"{clip.seconds:.2f} s, {clip.rate:,} Hz"]
    words += [f"{name}: {text}" for name, text in facts(clip.facts).items()]
    return _FIGURE.format(
        picture=base64.b64encode(picture).decode(),
        # Every browser plays WAV, though none without samples.
        player=_PLAYER.format(sound=base64.b64encode(encoded(clip, ".wav")).decode()) if len(clip.wave) else "",
        words="<br>".join(html.escape(word) for word in words if word),
    )
