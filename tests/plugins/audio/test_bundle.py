from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from genwright.errors import CheckpointError, DataError, OptionError, UnknownName
from genwright_audio.bundle import Bundle, kept, located, named, read, write


def made(card: Mapping[str, Any]) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(card["width"])


def opened(folder: Path) -> Bundle[nn.BatchNorm1d]:
    return read(folder, made, kind="a thing", again="Make one.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    network = nn.BatchNorm1d(4)
    nn.init.constant_(network.bias, 0.1)
    network(torch.ones(2, 4))
    write(tmp_path / "one", network, {"width": 4}, card={"about": "nothing"})
    return tmp_path / "one"


def test_what_is_written_is_read_in_half_precision(folder: Path) -> None:
    found = opened(folder)
    assert found.network.bias[0] == torch.tensor(0.1).half()
    assert found.network.num_batches_tracked == 1
    assert not found.network.training
    assert not found.network.bias.requires_grad
    assert found.card["about"] == "nothing"
    assert found.card["digest"] == found.digest


def test_the_digest_is_that_of_the_weights_and_of_how_they_are_used(folder: Path) -> None:
    network = opened(folder).network
    write(folder.parent / "same", network, {"width": 4}, card={"about": "something else"})
    write(folder.parent / "other", network, {"width": 4, "more": 1}, card={})
    nn.init.zeros_(network.bias)
    write(folder.parent / "third", network, {"width": 4}, card={})
    digests = [opened(folder.parent / name).digest for name in ("one", "same", "other", "third")]
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3


def test_networks_in_a_folder_are_found_by_name(folder: Path) -> None:
    (folder.parent / "empty").mkdir()
    assert named(folder.parent) == {"one": {"width": 4}}
    assert named(folder / "missing") == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"network": {"width": 5}}'])
def test_what_cannot_be_read_is_refused(folder: Path, text: str) -> None:
    (folder / "card.json").write_text(text)
    with pytest.raises(
        CheckpointError,
        match=r"a thing is a folder with weights.safetensors and card.json; .* read as one: .* Make one.",
    ):
        opened(folder)


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    assert json.loads((folder / "card.json").read_text())["network"] == {"width": 4}
    with pytest.raises(CheckpointError, match="cannot be read as one"):
        opened(folder)


def test_a_network_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: Any, **more: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "one", nn.BatchNorm1d(4), {"width": 4}, card={})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_not_written_to(folder: Path) -> None:
    before = (folder / "weights.safetensors").read_bytes()
    with pytest.raises(DataError, match="is a folder, and folders are not replaced"):
        write(folder, nn.BatchNorm1d(5), {"width": 5}, card={})
    assert (folder / "weights.safetensors").read_bytes() == before


def test_a_network_is_found_by_its_name_or_its_whole_path(folder: Path) -> None:
    assert located("one", folder.parent, kind="thing") == folder
    assert located(str(folder), folder / "none", kind="thing") == folder


def test_a_name_that_there_is_not_is_refused_with_those_that_there_are(folder: Path) -> None:
    with pytest.raises(
        UnknownName, match=r"no thing named 'ons'. Did you mean 'one'\? Or give the whole path of the folder of one."
    ):
        located("ons", folder.parent, kind="thing", others=["two"])
    with pytest.raises(UnknownName, match="Did you mean 'two'"):
        located("twq", folder.parent, kind="thing", others=["two"])


def test_a_path_that_depends_on_the_working_directory_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    with pytest.raises(OptionError, match=rf"by its whole path, .*; got 'one'. Name it '{folder.resolve()}'."):
        located("one", folder / "none", kind="thing")


def test_what_a_model_needs_is_kept_as_it_was(folder: Path) -> None:
    found = opened(folder)
    assert kept(lambda name: found, "one", found.digest, why="a model needs it") is found
    with pytest.raises(CheckpointError, match="a model needs it, which is 'one' of the digest none; installed under "):
        kept(lambda name: found, "one", "", why="a model needs it")


@pytest.mark.parametrize("error", [UnknownName("thing", "one", []), OptionError("of others"), CheckpointError("torn")])
def test_what_a_model_needs_and_is_not_there_is_refused(error: Exception) -> None:
    def find(name: str) -> Bundle[nn.BatchNorm1d]:
        raise error

    with pytest.raises(CheckpointError, match=r"a model needs it: (there is no|of others|torn)"):
        kept(find, "one", "", why="a model needs it")
