from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
import torch

from genwright.errors import DataError
from genwright_audio.codecs import Trained
from genwright_audio.coding import Plan, Training, main, unlike
from genwright_audio.spectrum import Frames, log_mel

FRAMES = Frames(rate=8000, bands=24, size=128, hop=32)
SIZES = "--bands=24 --size=128 --hop=32 --width=16 --before=1 --after=1 --batch=2"
SMALL = [*SIZES.split(), "--codebooks=4", "--free=1", "--steps=3", "--seconds=600"]


def plan(**options: int) -> Plan:
    return Plan(
        **{"frames": FRAMES, "width": 16, "blocks": (1, 1), "codebooks": 2, "latent": 8, "batch": 4, **options}  # type: ignore[arg-type]
    )


def sweep(seconds: float = 2.0) -> torch.Tensor:
    times = torch.arange(round(8000 * seconds)) / 8000
    return 0.3 * torch.sin(2 * torch.pi * (200 + 400 * times) * times) * torch.sin(3 * times).abs()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "sweep.wav", sweep().numpy(), 8000)
    return tmp_path / "sweep.wav"


def test_it_comes_nearer_to_the_recordings() -> None:
    training = Training(sweep(), plan(batch=8, width=32))
    losses = [training.step(number, number / 120) for number in range(120)]
    mels = [float(each["mel"].detach()) for each in losses]
    assert sum(mels[-10:]) < 0.5 * sum(mels[:10])


def test_tables_are_used_after_the_first_steps_alone() -> None:
    training = Training(sweep(), plan(free=2))
    costs = [float(training.step(number, 0.0)["cost"].detach()) for number in range(4)]
    assert costs[:2] == [0, 0]
    # At first each vector of so few is an entry.
    assert costs[3] > 0
    assert all(float(each.entries.detach().square().mean()) > 0 for each in training.network.tables)


def test_what_is_kept_is_an_average_of_the_weights() -> None:
    training = Training(sweep(), plan())
    every = []
    for number in range(5):
        training.step(number, 0.0)
        every.append(training.network.leave.weight.detach().clone())
    torch.testing.assert_close(training.kept.leave.weight, torch.stack(every).mean(0))


def test_a_training_is_the_same_again() -> None:
    one, other = (Training(sweep(), plan()) for _ in range(2))
    for number in range(4):
        assert one.step(number, 0.1) == other.step(number, 0.1)


def test_half_the_rows_have_all_tables_and_the_others_any_number() -> None:
    training = Training(sweep(), plan(codebooks=4, batch=2000))
    counts = training.counts(3).bincount(minlength=5)
    assert counts[0] == 0
    assert torch.allclose(counts[1:] / 2000, torch.tensor([0.125, 0.125, 0.125, 0.625]), atol=0.03)


def test_bands_are_unlike_by_their_logarithms_and_by_how_loud_they_are() -> None:
    """Ten times as loud is 10 ** 0.4 times as loud to the ear."""
    quiet, loud = torch.full((1, 2, 3), -4.0), torch.full((1, 2, 3), -4.0 + torch.tensor(10.0).log().item())
    found = unlike(loud, quiet)
    assert float(found["mel"]) == pytest.approx(2.302585)
    assert float(found["loudness"]) == pytest.approx((10**0.4 - 1) * 2.718281828**-1.6, rel=1e-5)


def test_a_codec_is_trained_from_the_command_line(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = recording.parent / "mine"
    assert main([str(folder), str(recording), *SMALL]) == 0
    codec = Trained.open(folder)
    assert codec.network.frames == FRAMES
    assert (codec.card["training"]["files"], codec.card["training"]["steps"]) == (1, 3)
    assert (folder / "training.log").read_text() == capsys.readouterr().out
    mels = log_mel(sweep()[None, : 32 * 63], FRAMES)
    assert codec.network.decoded(codec.network.codes(mels)).shape == mels.shape


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
        ("--free=-1", "free is a whole number from 0; got -1."),
        (
            "--free=3",
            "after the steps that are free; got 3 steps, of which 3 are. Take more steps, or fewer free ones.",
        ),
        ("--seconds=0", "takes more than 0 seconds; got 0. Give it some, or none for all steps."),
        ("--seconds=nan", "takes more than 0 seconds; got nan."),
        (
            "--seconds=1e-9",
            "after the first 1 steps; got 0 steps in 1e-09 seconds. Take more time, or fewer free steps.",
        ),
        ("--device=tpu-of-mine", "takes a device that this machine has, or auto; got 'tpu-of-mine'"),
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
    with pytest.raises(DataError, match=r"learned from more than 0.512 s of recordings; got 0.2 s"):
        Training(sweep(0.2), plan())


@pytest.mark.parametrize("codebooks", [1, 2, 3, 5])
def test_a_codec_has_as_many_tables_as_are_asked_for(recording: Path, codebooks: int) -> None:
    folder = recording.parent / "mine"
    assert main([str(folder), str(recording), *SMALL, f"--codebooks={codebooks}"]) == 0
    found = Trained.open(folder).network
    assert len(found.tables) == codebooks
    assert found.latent == min(32, 8 * codebooks)
    assert all(float(each.entries.square().mean()) > 0 for each in found.tables)
