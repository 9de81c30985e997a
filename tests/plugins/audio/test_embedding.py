from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genwright.errors import DataError, ShapeError, UsageError
from genwright_audio.clip import Clip
from genwright_audio.embedding import EMBEDDING, Embedding
from tests.plugins.audio.networks import Loud, saved


class Peak(nn.Module):
    """The largest sample of a wave, divided by something."""

    def __init__(self, divisor: float = 1.0) -> None:
        super().__init__()
        self.divisor = divisor

    def forward(self, wave: Tensor) -> Tensor:
        return wave.amax(1, keepdim=True) / self.divisor


class Length(nn.Module):
    """How many samples a wave has."""

    def forward(self, wave: Tensor) -> Tensor:
        return torch.ones_like(wave).sum(1, keepdim=True)


class Both(nn.Module):
    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        return wave, wave + 1


class Flat(nn.Module):
    def forward(self, wave: Tensor) -> Tensor:
        return wave[0] + 0


class Echo(nn.Module):
    def forward(self, wave: Tensor) -> Tensor:
        return wave + 0


def clip(*samples: float, times: int = 100, rate: int = 8_000) -> Clip:
    return Clip(wave=np.repeat(np.array(samples, np.float32), times), rate=rate)


def test_features_are_those_of_all_windows_clip_after_clip(tmp_path: Path) -> None:
    embedding = Embedding.load(saved(Loud(), tmp_path / "loud.pt2"))
    found = embedding.features([clip(0.5, 0.25), clip(-0.75, 1)])
    assert found.dtype == np.float32
    loud = np.repeat([0.5, 0.25, 0.75, 1], 2)
    np.testing.assert_allclose(found, np.stack([loud, 2 * loud], 1))


def test_a_network_may_give_one_row_a_clip(tmp_path: Path) -> None:
    embedding = Embedding.load(saved(Peak(), tmp_path / "peak.pt2"))
    np.testing.assert_allclose(embedding.features([clip(0.5, 0.25), clip(0.125)]), [[0.5], [0.125]])


def test_clips_are_brought_to_the_rate_of_the_network(tmp_path: Path) -> None:
    embedding = Embedding.load(saved(Length(), tmp_path / "length.pt2", rate="16000"))
    assert embedding.rate == 16_000
    clips = [clip(0.5, times=1_000), clip(0.5, times=1_000, rate=16_000)]
    assert embedding.features(clips).tolist() == [[2_000], [1_000]]


def test_it_is_named_by_its_file_and_what_is_in_it(tmp_path: Path) -> None:
    path = saved(Peak(), tmp_path / "peak.pt2")
    embedding = Embedding.load(path)
    assert embedding.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert embedding.name == f"peak.pt2, SHA-256 {embedding.digest[:12]}"


def test_it_is_the_one_that_the_variable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(EMBEDDING, str(saved(Peak(), tmp_path / "peak.pt2")))
    assert Embedding.given().path == tmp_path / "peak.pt2"


def test_without_one_it_is_said_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", None):
        if value is None:
            monkeypatch.delenv(EMBEDDING)
        else:
            monkeypatch.setenv(EMBEDDING, value)
        with pytest.raises(UsageError, match=r"none comes with Genwright\. Name .*save, in GENWRIGHT_AUDIO_EMBEDDING;"):
            Embedding.given()
    monkeypatch.setenv(EMBEDDING, str(tmp_path))
    with pytest.raises(UsageError, match=r"GENWRIGHT_AUDIO_EMBEDDING names the file of a network; .* is none\. Check"):
        Embedding.given()


def archive() -> bytes:
    stream = io.BytesIO()
    torch.save({}, stream)
    return stream.getvalue()


@pytest.mark.parametrize("data", [b"", b"RIFF....WAVE", archive()], ids=["empty", "sound", "weights"])
def test_another_kind_of_file_is_refused(
    data: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "odd.pt2").write_bytes(data)
    with pytest.raises(DataError, match=r"odd\.pt2 should hold a network that torch\.export\.save wrote; .* Write it"):
        Embedding.load(tmp_path / "odd.pt2")
    assert (caplog.text, *capfd.readouterr()) == ("", "", "")


def test_a_network_with_damaged_parts_is_refused(tmp_path: Path) -> None:
    """Of these torch raises what its parts do, an AttributeError or a TypeError among others."""
    with zipfile.ZipFile(saved(Loud(), tmp_path / "n.pt2", rate="8000")) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    for damaged in [name for name in parts if name.endswith(".json")]:
        with zipfile.ZipFile(tmp_path / "damaged.pt2", "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, b"{}" if name == damaged else data)
        with pytest.raises(DataError, match=r"should hold a network that torch\.export\.save wrote; it cannot be read"):
            Embedding.load(tmp_path / "damaged.pt2")


def test_a_network_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = saved(Peak(), tmp_path / "cut.pt2")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"cut\.pt2 should hold a network"):
        Embedding.load(path)


@pytest.mark.parametrize("rate", [None, "", "0", "-5", "16 kHz"])
def test_a_network_tells_its_rate(rate: str | None, tmp_path: Path) -> None:
    path = saved(Peak(), tmp_path / "peak.pt2", rate=rate)
    with pytest.raises(DataError, match=rf"tells {rate or ''!r}\. Give torch\.export\.save extra_files="):
        Embedding.load(path)


def test_a_network_that_fails_is_named_with_what_it_was_given(tmp_path: Path) -> None:
    embedding = Embedding.load(saved(Peak(), tmp_path / "fixed.pt2", lengths=None))
    with pytest.raises(
        DataError, match=r"fixed\.pt2 should hear a clip of 200 samples at 8,000 Hz; it fails: .*Export"
    ):
        embedding.features([clip(0.5, 0.25)])


@pytest.mark.parametrize(
    ("network", "trouble"),
    [(Both(), "a tuple"), (Flat(), r"\[200\]"), (Peak(0.0), "some that are none")],
    ids=["both", "flat", "infinite"],
)
def test_what_is_no_feature_is_refused(network: nn.Module, trouble: str, tmp_path: Path) -> None:
    embedding = Embedding.load(saved(network, tmp_path / "odd.pt2"))
    with pytest.raises(ShapeError, match=rf"\[1, T, D\] of a wave \[1, 200\]; it gives {trouble}\. Export another"):
        embedding.features([clip(0.5, 0.25)])


def test_all_clips_have_as_many_features(tmp_path: Path) -> None:
    embedding = Embedding.load(saved(Echo(), tmp_path / "echo.pt2"))
    with pytest.raises(ShapeError, match=r"echo\.pt2 should give each clip as many features\. Export another"):
        embedding.features([clip(0.5, 0.25), clip(0.125)])
