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
    options = {
        "bands": 24,
        "size": 128,
        "hop": 32,
        "width": 16,
        "before": 1,
        "after": 1,
        "codebooks": 4,
        "batch": 2,
        "free": 1,
    }
    given = [f"--{name}={value}" for name, value in {**options, "steps": 3, "seconds": 600}.items()]
    assert main([str(folder), str(recording), *given]) == 0
    codec = Trained.open(folder)
    assert codec.network.frames == FRAMES
    assert (codec.card["training"]["files"], codec.card["training"]["steps"]) == (1, 3)
    assert (folder / "training.log").read_text() == capsys.readouterr().out
    mels = log_mel(sweep()[None, : 32 * 63], FRAMES)
    assert codec.network.decoded(codec.network.codes(mels)).shape == mels.shape


def test_a_folder_that_is_not_empty_is_refused(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(recording.parent), str(recording)]) == 1
    assert "is written to a new folder" in capsys.readouterr().err


def test_too_little_is_refused() -> None:
    with pytest.raises(DataError, match=r"learned from more than 0.512 s of recordings; got 0.2 s"):
        Training(sweep(0.2), plan())
