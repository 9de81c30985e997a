"""What the program says to sounds that are wrong, and to requests that a model of sounds cannot hold."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import genwright as gw
from genwright.cli import main
from genwright.errors import DataError, GenwrightError, OptionError
from genwright.model import Model, new_encoder
from genwright.recipe import Recipe, use
from genwright.registry import registry
from genwright.space import ConditionSpace
from genwright_audio.clip import Clip

Capture = pytest.CaptureFixture[str]
Say = Callable[..., tuple[int, str]]

RATE = 8_000
BACKBONES = {
    "flow": use("unet", width=8, multipliers=[1], blocks=1),
    "autoregressive": use("wavenet", width=32, skip=32, depth=2, cycle=2),
}

pytestmark = pytest.mark.filterwarnings("default")


def wave(count: int = 4_000, *, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, count).astype(np.float32)


def sound(samples: np.ndarray, *, rate: int = RATE, subtype: str = "PCM_16", kind: str = "WAV") -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, subtype, format=kind)
    return stream.getvalue()


def cut(kind: str, subtype: str) -> bytes:
    data = sound(wave(16_000), kind=kind, subtype=subtype)
    return data[: len(data) * 2 // 3]


# ---- files


FILES: Mapping[str, tuple[bytes, str]] = {
    "nothing.flac": (b"", "It cannot be read as a sound: "),
    "text.wav": (b"this is no sound", "It cannot be read as a sound: "),
    "empty.wav": (sound(wave(0)), "It is empty: it has no samples."),
    "silent.wav": (sound(wave() * 0), "It is silent: no sample is over -78 dB of full scale."),
    "nan.wav": (sound(wave() * np.nan, subtype="FLOAT"), "It has samples that are no numbers."),
    "loud.wav": (sound(wave() * 40, subtype="FLOAT"), "It has samples of up to 20; wanted are those from -1 to 1."),
    "ten-hours.wav": (sound(wave(36_000), rate=1), "It takes 36,000 seconds, over the limit of 600."),
    "cut.wav": (cut("WAV", "PCM_16"), "It breaks off or is damaged: not all that it should hold is there."),
    "cut.aiff": (cut("AIFF", "PCM_16"), "It breaks off or is damaged: "),
    "cut.ogg": (cut("OGG", "VORBIS"), "It breaks off or is damaged: "),
    "cut.opus": (cut("OGG", "OPUS"), "It breaks off or is damaged: "),
    "cut.mp3": (cut("MP3", "MPEG_LAYER_III"), "It breaks off after "),
    "cut.flac": (cut("FLAC", "PCM_16"), "It cannot be read as a sound: "),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_sound_to_work_with_is_told_with_the_reason(say: Say, tmp_path: Path, name: str) -> None:
    data, reason = FILES[name]
    (tmp_path / name).write_bytes(data)
    code, said = say("evaluate", tmp_path / name, "--domain", "audio")
    assert f"{name} holds no clip that can be read. {name}: {reason}" in said
    assert code == 1


def test_bad_files_are_passed_over_and_counted_and_end_a_strict_command(say: Say, tmp_path: Path) -> None:
    for name, (data, _) in FILES.items():
        (tmp_path / name).write_bytes(data)
    for number in range(3):
        (tmp_path / f"good-{number}.wav").write_bytes(sound(wave(seed=number)))
    command = ["evaluate", tmp_path, "--domain", "audio", "--reference", tmp_path, "--metric", "kernel-distance"]
    code, said = say(*command)
    assert f"read 3 clips and passed over {len(FILES)}. cut.aiff: It breaks off or is damaged" in said
    assert code == 0
    code, said = say(*command, "--strict")
    assert "cut.aiff: It breaks off or is damaged: not all that it should hold is there. Mend or remove it" in said
    assert code == 1


# ---- requests


def made(folder: Path, family: str, encoder: str) -> Path:
    """Save a model of clips of up to half a second as it is before its first step of training."""
    recipe = Recipe(
        domain="audio",
        data="none",
        encoder=use(encoder, seconds=0.5, rate=RATE if encoder == "mel" else 1_000),
        family=use(family),
        backbone=BACKBONES[family],
        conditions=("digit", "speaker", "seconds"),
        steps=1,
        batch_size=1,
    )
    fitted = new_encoder(recipe, registry())
    fitted.fit([Clip(wave=wave(), rate=RATE)])
    labels = {"digit": tuple("0123456789"), "speaker": ("george", "jackson")}
    model = Model.new(recipe, fitted, ConditionSpace(scalars={"seconds": (0.4, 0.1)}, labels=labels), registry())
    model.save(folder, name=f"audio/{family}", training={"steps": 0})
    return folder


@pytest.fixture(scope="module")
def mels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("models") / "mels", "flow", "mel")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("models") / "tokens", "autoregressive", "mu-law")


@pytest.mark.parametrize("model", ["mels", "tokens"])
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("digit=11", "condition 'digit' takes one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; got '11'."),
        ("digit=three", "condition 'digit' takes one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9; got 'three'."),
        ("speaker=nicolas", "no speaker that this model learned named 'nicolas'. Known: george, jackson."),
        ("speaker=georg", "no speaker that this model learned named 'georg'. Did you mean 'george'?"),
        ("kind=drum", "but this model learned seconds, digit, speaker. Train one with conditions = ['kind']."),
        ("seconds=40", "condition 'seconds' takes 0.05 to 30 s; got 40.0. Choose a value in this range."),
        ("seconds=25", "condition 'seconds' asks for 25; this model has room for 0.5"),
        ("seconds=nan", "condition 'seconds' takes 0.05 to 30 s; got nan."),
    ],
)
def test_what_a_model_cannot_hold_is_refused(
    say: Say, model: str, asked: str, message: str, request: pytest.FixtureRequest
) -> None:
    code, said = say("generate", request.getfixturevalue(model), "-n", 1, "--where", asked)
    assert message in said
    assert code == 2


def test_samples_that_come_whole_are_not_streamed(say: Say, mels: Path, tmp_path: Path) -> None:
    code, said = say("generate", mels, "-n", 1, "--stream", "--output", tmp_path / "x.wav")
    assert "from models that are read token by token; 'flow' gives them whole. Generate without --stream" in said
    assert code == 2
    assert not (tmp_path / "x.wav").exists()


def test_sounds_are_not_streamed_to_other_kinds_of_files(say: Say, tokens: Path, tmp_path: Path) -> None:
    code, said = say("generate", tokens, "-n", 1, "--stream", "--output", tmp_path / "x.mp3")
    assert "written while they are drawn to .wav, .flac or standard output; got '.mp3'. Choose one of these" in said
    assert code == 1


CLIPS: Mapping[str, tuple[Any, type[GenwrightError], str]] = {
    "long": (Clip(wave=wave(40_000), rate=RATE), DataError, r"clips of up to 0\.50. seconds; got one of 5\. Cut it"),
    "empty": (Clip(wave=wave(0), rate=RATE), DataError, r"takes clips with a sample or more; got none\. Leave it out"),
    "nan": (Clip(wave=wave() * np.float32(np.nan), rate=RATE), DataError, r"takes samples that are numbers; got some"),
    "no rate": (Clip(wave=wave(), rate=0), DataError, r"takes clips of a rate from 1 Hz; got one of 0\. Say at which"),
    "array": (wave(), OptionError, r"is an item of the model's domain, as reading its files gives it; got array"),
    "name": ("a.wav", OptionError, r"is an item of the model's domain, .*; got 'a\.wav', of type str\. Read the item"),
}


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_that_is_given_to_be_continued_has_a_place_in_the_model(mels: Path, name: str) -> None:
    clip, error, message = CLIPS[name]
    free = np.arange(64) > 20
    with pytest.raises(error, match=message):
        gw.generate(mels, 1, known=(clip, free), store=False)


def test_a_clip_is_continued_whatever_its_rate_but_not_where_it_has_no_end(mels: Path) -> None:
    clip = Clip(wave=wave(11_025), rate=44_100)
    (sample,) = gw.generate(mels, 1, known=(clip, np.arange(64) > 20), store=False, sampler=use("euler", steps=1))
    assert sample.item.rate == RATE
    with pytest.raises(OptionError, match="this one is true nowhere"):
        gw.generate(mels, 1, known=(clip, np.zeros(64, bool)), store=False)


def test_what_cannot_be_scored_is_told_and_the_others_are_scored(
    say: Say, mels: Path, tmp_path: Path, capsys: Capture
) -> None:
    """In two channels at another rate, and for five seconds."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    (folder / "a.wav").write_bytes(sound(np.stack([wave(11_025)] * 2, 1), rate=44_100))
    (folder / "b.wav").write_bytes(sound(wave(40_000)))
    assert main(["score", "audio", str(folder), "--model", str(mels)]) == 0
    _, first, second, mean = capsys.readouterr().out.splitlines()
    assert first.split()[0] == "a.wav"
    assert "encoder 'mel' takes clips of up to 0.504 seconds; got one of 5 (b.wav). Cut it, or set seconds." in second
    assert " of 1 of 2 items: " in mean


def test_two_channels_are_averaged_by_those_who_make_clips() -> None:
    with pytest.raises(
        GenwrightError, match=r"has samples in one channel, float32 \[L\]; .*\[2, 100\]\. Average channels"
    ):
        Clip(wave=np.zeros((2, 100), np.float32), rate=RATE)
