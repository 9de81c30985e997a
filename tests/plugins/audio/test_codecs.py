from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from genwright.errors import CheckpointError, OptionError, UnknownName
from genwright.seeds import Noise, seeded_torch
from genwright_audio.autoencoder import Autoencoder
from genwright_audio.codecs import Trained, kept, shipped, trained
from genwright_audio.spectrum import TELEPHONE, Frames, log_mel

OTHER = Frames(rate=8000, bands=20, size=200, hop=50)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of an untrained codec."""
    with seeded_torch(1):
        network = Autoencoder(frames=OTHER, width=8, blocks=(1, 2), codebooks=2, latent=8, codes=16, together=3)
    Trained.save(tmp_path / "mine", network, card={"about": "nothing"})
    return tmp_path / "mine"


def tones() -> torch.Tensor:
    """Return what a voice has: harmonics that rise and fall."""
    seconds = torch.arange(127 * 64) / 8000
    waves = sum(torch.sin(2 * torch.pi * 120 * n * seconds) / n for n in range(1, 12))
    return 0.1 * torch.sin(torch.pi * seconds / seconds[-1])[None] * waves


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_codec_is_the_one_on_its_card_and_small(name: str) -> None:
    codec = trained(name)
    assert codec.card["digest"] == codec.digest
    assert sum(value.numel() for value in codec.network.parameters()) < 1_500_000


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_codec_gives_back_the_loud_bands_of_a_voice(name: str) -> None:
    network = trained(name).network
    x = log_mel(tones(), network.frames)
    loud = x > x.max() - 3
    found = [network.decoded(network.codes(x)[..., :count]) for count in (1, 8)]
    apart = [float((mels - x)[loud].abs().mean()) for mels in found]
    assert apart[1] < min(0.7, apart[0])


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_codec_has_use_for_most_of_its_entries(name: str) -> None:
    network = trained(name).network
    waves = 2 ** Noise(2, torch.arange(64)).normal("loud", 0, 1) * tones() * 0.3
    shaped = waves + 0.02 * Noise(3, torch.arange(64)).normal("noise", 0, waves.shape[1])
    assert len(network.codes(log_mel(shaped, network.frames))[..., -1].unique()) > network.size / 2


def test_one_ships_for_speech() -> None:
    assert [trained(name).network.frames for name in shipped()] == [TELEPHONE]


def test_a_codec_is_taken_from_its_folder(folder: Path) -> None:
    found = trained(str(folder))
    assert found.name == str(folder)
    assert found.card["about"] == "nothing"
    assert found.network.to_json() == json.loads((folder / "card.json").read_text())["network"]
    assert kept(found.name, found.digest).digest == found.digest


def test_a_name_that_no_codec_has_is_refused() -> None:
    with pytest.raises(
        UnknownName, match=r"no codec named 'speech-8'. Did you mean 'speech-8k'\? Or give the whole path"
    ):
        trained("speech-8")


def test_a_model_whose_codec_is_missing_is_refused() -> None:
    with pytest.raises(CheckpointError, match="by the codec that they were made with alone: there is no codec named"):
        kept("gone", "0" * 64)


def test_a_model_whose_codec_is_another_by_now_is_refused(folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"of the digest 000000000000; installed .* Install the version"):
        kept(str(folder), "0" * 64)


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"a codec is a folder with .* or train one: .*coding --help"):
        trained(str(folder))
    with pytest.raises(CheckpointError, match="that they were made with alone: a codec is a folder"):
        kept(str(folder), "0" * 64)


def test_a_codec_is_named_so_that_it_is_found_from_every_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    assert trained(Trained.open("mine").name).digest == Trained.open(folder).digest
    assert Trained.open("mine").name == str(folder.resolve())
    with pytest.raises(OptionError, match=r"the folder of a codec is named by its whole path, .*; got 'mine'"):
        trained("mine")
