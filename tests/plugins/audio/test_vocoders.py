from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from genwright.errors import CheckpointError, OptionError, UnknownName
from genwright.seeds import Noise, seeded_torch
from genwright_audio.griffinlim import GriffinLim, Scattered
from genwright_audio.spectrum import MUSIC, TELEPHONE, Frames, log_mel
from genwright_audio.vocoder import Network
from genwright_audio.vocoders import Trained, Vocoder, chosen, kept, shipped, trained

OTHER = Frames(rate=8000, bands=20, size=200, hop=50)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of an untrained vocoder."""
    with seeded_torch(1):
        network = Network(frames=OTHER, width=8, blocks=1, rounds=(1, 0))
    Trained.save(tmp_path / "mine", network, card={"about": "nothing"})
    return tmp_path / "mine"


def mels(rows: int, frames: Frames) -> torch.Tensor:
    return log_mel(0.1 * Noise(5, torch.arange(rows)).normal("waves", 0, 31 * frames.hop), frames)


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_vocoder_gives_each_row_the_same_bits_alone_and_among_sixteen(name: str) -> None:
    vocoder = trained(name)
    x = mels(16, vocoder.frames)
    together = vocoder.waves(x)
    for row in range(16):
        assert torch.equal(vocoder.waves(x[row : row + 1])[0], together[row])


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_vocoder_is_the_one_on_its_card_and_small(name: str) -> None:
    vocoder = trained(name)
    assert vocoder.card["digest"] == vocoder.digest
    assert sum(value.numel() for value in vocoder.network.state_dict().values()) * 2 < 5_000_000


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_vocoder_gives_back_the_bands_of_a_tone(name: str) -> None:
    vocoder = trained(name)
    seconds = torch.arange(63 * vocoder.frames.hop) / vocoder.frames.rate
    tones = sum(torch.sin(2 * torch.pi * 220 * n * seconds) / n for n in range(1, 8))
    x = log_mel(0.1 * torch.sin(torch.pi * seconds / seconds[-1])[None] * tones, vocoder.frames)
    loud = x > x.max() - 3
    assert float((log_mel(vocoder.waves(x), vocoder.frames) - x)[loud].abs().mean()) < 0.25


def test_one_ships_for_speech_and_one_for_music() -> None:
    assert set(shipped().values()) == {TELEPHONE, MUSIC}


def test_the_one_that_fits_is_chosen_and_griffin_lim_where_none_does() -> None:
    assert chosen(None, TELEPHONE).name == "speech-8k"
    assert chosen(None, OTHER) == GriffinLim(frames=OTHER)
    assert chosen("griffin-lim", TELEPHONE) == GriffinLim(frames=TELEPHONE)
    assert chosen("griffin-lim-scattered", OTHER) == kept("griffin-lim-scattered", "", OTHER) == Scattered(frames=OTHER)


def test_every_vocoder_is_one(folder: Path) -> None:
    assert isinstance(GriffinLim(frames=OTHER), Vocoder)
    assert isinstance(Trained.open(folder), Vocoder)


def test_a_vocoder_is_taken_from_its_folder(folder: Path) -> None:
    found = chosen(str(folder), OTHER)
    assert found.name == str(folder)
    assert found.waves(mels(2, OTHER)).shape == (2, 31 * 50)
    assert kept(found.name, found.digest, OTHER).digest == found.digest


def test_the_digest_is_that_of_the_weights_and_of_what_is_made_of_them(folder: Path) -> None:
    vocoder = Trained.open(folder)
    again = Trained.save(folder.parent / "same", vocoder.network, card={"about": "something else"})
    vocoder.network.rounds = (2, 0)
    other = Trained.save(folder.parent / "other", vocoder.network, card={})
    with torch.no_grad():
        vocoder.network.leave.bias.add_(1)
    third = Trained.save(folder.parent / "third", vocoder.network, card={})
    assert again.digest == vocoder.digest
    assert len({vocoder.digest, other.digest, third.digest}) == 3


def test_a_vocoder_for_other_frames_is_refused_and_those_that_fit_named() -> None:
    asked = dataclasses.replace(TELEPHONE, high=3000.0)
    with pytest.raises(
        OptionError, match=r"takes bands of Frames\(.*high=None\); asked for .* fit these: griffin-lim."
    ):
        chosen("speech-8k", asked)
    with pytest.raises(OptionError, match=r"Vocoders that fit these: speech-8k, griffin-lim."):
        chosen("22k", TELEPHONE)


def test_a_name_that_no_vocoder_has_is_refused() -> None:
    with pytest.raises(
        UnknownName, match=r"no vocoder named 'speech-8'. Did you mean 'speech-8k'\? Or give the whole path"
    ):
        chosen("speech-8", TELEPHONE)


def test_a_model_whose_vocoder_is_missing_is_refused(folder: Path) -> None:
    with pytest.raises(
        CheckpointError, match="by the vocoder it was made with alone: there is no vocoder named 'gone'"
    ):
        kept("gone", "0" * 64, TELEPHONE)


def test_a_model_whose_vocoder_is_another_by_now_is_refused() -> None:
    with pytest.raises(
        CheckpointError, match=r"'speech-8k' of the digest 000000000000; installed .* Install the version"
    ):
        kept("speech-8k", "0" * 64, TELEPHONE)
    with pytest.raises(CheckpointError, match=r"'griffin-lim' of the digest 000000000000; .* is none."):
        kept("griffin-lim", "0" * 64, TELEPHONE)


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"with weights.safetensors and card.json; .* cannot be read as one: "):
        Trained.open(folder)


def test_weights_of_another_network_are_refused(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    card["network"]["width"] = 9
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(CheckpointError, match=r"cannot be read as one: .*size mismatch.* Copy it again, or train one"):
        Trained.open(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"network": {"frames": {"rate": 0}}}'])
def test_a_card_of_something_else_is_refused(folder: Path, text: str) -> None:
    (folder / "card.json").write_text(text)
    with pytest.raises(CheckpointError, match="cannot be read as one"):
        Trained.open(folder)


def test_a_vocoder_is_named_so_that_it_is_found_from_every_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert trained(Trained.open("mine").name).digest == Trained.open(folder).digest
    assert Trained.open("mine").name == str(folder.resolve())
    with pytest.raises(OptionError, match=r"the folder of a vocoder is named by its whole path, .*; got 'mine'"):
        trained("mine")
