from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from genwright.errors import CheckpointError
from genwright_audio.bundle import Bundle, named, read, write


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
