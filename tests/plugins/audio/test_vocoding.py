from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from genwright.errors import DataError
from genwright_audio.spectrum import Frames, log_mel
from genwright_audio.vocoders import Trained
from genwright_audio.vocoding import Plan, Training, main

FRAMES = Frames(rate=8000, bands=24, size=128, hop=32)
SIZES = "--bands=24 --size=128 --hop=32 --width=16 --blocks=1 --before=1 --batch=2"
SMALL = [*SIZES.split(), "--steps=3", "--alone=2"]


def plan(**options: int) -> Plan:
    return Plan(**{"frames": FRAMES, "width": 16, "blocks": 1, "rounds": (1, 0), "batch": 4, **options})  # type: ignore[arg-type]


def sweep(seconds: float = 2.0) -> torch.Tensor:
    times = torch.arange(round(8000 * seconds)) / 8000
    return 0.3 * torch.sin(2 * torch.pi * (200 + 400 * times) * times) * torch.sin(3 * times).abs()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "sweep.wav", np.stack([sweep().numpy()] * 2, 1), 8000)
    return tmp_path / "sweep.wav"


def test_it_comes_nearer_to_the_recordings() -> None:
    training = Training(sweep(), plan(steps=80, alone=80, width=64, batch=8))
    losses = [training.step(number)["spectrum"] for number in range(80)]
    assert sum(losses[-10:]) < 0.9 * sum(losses[:10])


def test_what_is_kept_is_an_average_of_the_weights() -> None:
    training = Training(sweep(), plan(steps=20, alone=20))
    every = []
    for number in range(5):
        training.step(number)
        every.append(training.network.leave.weight.detach().clone())
    torch.testing.assert_close(training.kept.leave.weight, torch.stack(every).mean(0))


def test_the_discriminator_joins_after_the_steps_alone_and_learns() -> None:
    training = Training(sweep(), plan(steps=10, alone=2))
    before = [value.clone() for value in training.judge.parameters()]
    names = [list(training.step(number)) for number in range(4)]
    assert names[1] == ["spectrum", "mel", "magnitude"]
    assert names[2] == ["spectrum", "mel", "magnitude", "fooled", "alike"]
    assert not any(torch.equal(old, new) for old, new in zip(before, training.judge.parameters(), strict=True))


def test_a_training_is_the_same_again() -> None:
    one, other = (Training(sweep(), plan(steps=6, alone=3)) for _ in range(2))
    for number in range(5):
        assert one.step(number) == other.step(number)


def test_the_rate_of_learning_grows_and_falls() -> None:
    shares = [plan(steps=4000).share(number) for number in range(4000)]
    assert shares.index(max(shares)) in range(150, 200)
    assert shares[0] < 0.01
    assert shares[-1] == pytest.approx(0.01, abs=0.001)


def test_a_vocoder_is_trained_from_the_command_line(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recording.parent / "mine"
    assert main([str(folder), str(recording), *SMALL]) == 0
    vocoder = Trained.open(folder)
    assert vocoder.frames == FRAMES
    assert vocoder.card["training"]["files"] == 1
    assert (folder / "training.log").read_text() == capsys.readouterr().out
    mels = log_mel(sweep()[None, : 32 * 63], FRAMES)
    assert vocoder.waves(mels).shape == (1, 32 * 63)


@pytest.mark.parametrize(
    ("name", "told"), [(".", "is a folder, and folders are not replaced"), ("sweep.wav/mine", "Not a directory.")]
)
def test_a_place_where_no_new_folder_can_be_is_refused_before_anything_is_read(
    recording: Path, name: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(recording.parent / name), "missing.wav"]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("--speeds=0", "heard at 1 to 5 speeds; got 0. Choose so many."),
        ("--batch=0", "batch is a whole number from 1; got 0. Choose another batch."),
        ("--steps=0", "steps is a whole number from 1; got 0."),
        ("--alone=-1", "alone is a whole number from 0; got -1."),
    ],
)
def test_what_cannot_be_trained_is_refused_and_nothing_left(
    recording: Path, option: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(recording.parent / "mine"), str(recording), *SMALL, option]) == 1
    assert told in capsys.readouterr().err
    assert [each.name for each in recording.parent.iterdir()] == ["sweep.wav"]


@pytest.mark.usefixtures("full_at_the_log")
def test_where_the_losses_cannot_be_kept_nothing_is(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(recording.parent / "mine"), str(recording), *SMALL]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert [each.name for each in recording.parent.iterdir()] == ["sweep.wav"]


def test_too_little_is_refused() -> None:
    with pytest.raises(DataError, match=r"learned from more than 0.252 s of recordings; got 0.2 s"):
        Training(sweep(0.2), plan())
