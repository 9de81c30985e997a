from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import genwright.checkpoint
from genwright.checkpoint import Checkpoint, check_new
from genwright.errors import CheckpointError

CARD: dict[str, Any] = {"name": "rounds/toy", "domain": "rounds", "recipe": {}, "encoder": {}, "conditions": {}}


def weights() -> dict[str, Tensor]:
    return {"a": torch.arange(6.0).view(2, 3), "b.c": torch.tensor([1, 2]), "half": torch.randn(4, 4).half().T}


@pytest.fixture
def saved(tmp_path: Path) -> Checkpoint:
    return Checkpoint.save(tmp_path / "models" / "toy", weights(), CARD)


def test_what_is_saved_is_opened_again(tmp_path: Path) -> None:
    given = weights()
    Checkpoint.save(tmp_path / "toy", given, CARD)
    opened = Checkpoint.open(tmp_path / "toy")
    assert (opened.name, opened.domain, opened.card["format"]) == ("rounds/toy", "rounds", 1)
    found = opened.weights()
    assert found.keys() == given.keys()
    assert all(torch.equal(found[name], given[name]) and found[name].dtype == given[name].dtype for name in given)


def test_the_same_model_has_the_same_digest_wherever_it_lies(tmp_path: Path, saved: Checkpoint) -> None:
    copied = shutil.copytree(saved.folder, tmp_path / "elsewhere")
    assert Checkpoint.open(copied).digest == saved.digest
    assert Checkpoint.save(tmp_path / "again", saved.weights(), dict(reversed(CARD.items()))).digest == saved.digest


@pytest.mark.parametrize("name", ["weights.safetensors", "card.json"])
def test_the_digest_changes_with_any_byte(saved: Checkpoint, name: str) -> None:
    unnamed = {key: value for key, value in saved.card.items() if key != "weights"}
    (saved.folder / "card.json").write_text(json.dumps(unnamed))
    path = saved.folder / name
    data = path.read_bytes()
    digests = {Checkpoint.open(saved.folder).digest}
    # Bytes inside strings of the card, and of the last weight, so that the files still open.
    for place in (data.rindex(b"toy"), data.rindex(b"toy") + 2) if name == "card.json" else (-1, -3):
        changed = bytearray(data)
        changed[place] ^= 1
        path.write_bytes(changed)
        digests.add(Checkpoint.open(saved.folder).digest)
    assert len(digests) == 3


def test_the_files_are_named_with_their_digest_and_size(saved: Checkpoint) -> None:
    import hashlib

    for name, (digest, size) in saved.files.items():
        data = (saved.folder / name).read_bytes()
        assert (digest, size) == (hashlib.sha256(data).hexdigest(), len(data))


def test_weights_other_than_those_of_the_card_are_refused(saved: Checkpoint) -> None:
    """A file with a flipped bit is sound safetensors; its model once drew other samples without a word."""
    path = saved.folder / "weights.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    message = (
        f"should have the SHA-256 {saved.card['weights'][:12]} that its card names; they have .*. Copy or download"
    )
    with pytest.raises(CheckpointError, match=message):
        Checkpoint.open(saved.folder)


# ---- what is no checkpoint


@pytest.mark.parametrize("name", ["model.pt", "model.bin", "epoch.ckpt", "MODEL.PTH", "m.pkl", "m.pickle", "m.joblib"])
def test_a_pickle_is_refused_by_its_type(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x80\x04.")
    message = r"is a pickle, which can run any code when it is read. Convert it to safetensors where you trust it"
    with pytest.raises(CheckpointError, match=f"{name} {message}"):
        Checkpoint.open(path)
    with pytest.raises(CheckpointError, match=f"{name} {message}"):
        Checkpoint.open(tmp_path)


def test_a_pickle_under_another_name_is_not_read(saved: Checkpoint) -> None:
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
            return (pytest.fail, ("the pickle was run",))

    (saved.folder / "card.json").write_text(json.dumps({"format": 1, **CARD}))
    (saved.folder / "weights.safetensors").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match="should hold safetensors; it cannot be read"):
        Checkpoint.open(saved.folder).weights()


@pytest.mark.parametrize("name", ["weights.safetensors", "card.json"])
def test_a_file_that_is_missing_is_named(saved: Checkpoint, name: str) -> None:
    (saved.folder / name).unlink()
    with pytest.raises(CheckpointError, match=rf"a checkpoint is a folder with .*; {saved.folder} has no {name}\."):
        Checkpoint.open(saved.folder)


def test_what_is_no_folder_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nothing is no folder\."):
        Checkpoint.open(tmp_path / "nothing")


@pytest.mark.parametrize("damage", ["cut", "emptied", "header"])
def test_damaged_weights_are_named(saved: Checkpoint, damage: str) -> None:
    (saved.folder / "card.json").write_text(json.dumps({"format": 1, **CARD}))
    path = saved.folder / "weights.safetensors"
    data = path.read_bytes()
    path.write_bytes({"cut": data[:-5], "emptied": b"", "header": b"\xff" * 8 + data[8:]}[damage])
    with pytest.raises(CheckpointError, match=r"weights.safetensors should hold safetensors.* Copy or download"):
        Checkpoint.open(saved.folder).weights()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"card.json should hold JSON; got: .* Copy or download the checkpoint again"),
        ("\udcff", "card.json should hold JSON; got: 'utf-8' codec"),
        ("[]", "card.json should be a model's card; it holds a list"),
        ('{"format": 1, "name": "x"}', "it has no domain, recipe, encoder, conditions. Copy or download"),
        (json.dumps({**CARD, "format": 2}), "has format 2; this version reads 1. Upgrade genwright-core"),
        (json.dumps({**CARD, "format": "1"}), "has format 1; this version reads 1"),
        ("[" * 100_000, "card.json should hold JSON; got: maximum recursion depth"),
        (f'{{"format": {"1" * 5000}}}', "card.json should hold JSON; got: Exceeds the limit"),
        *(
            (json.dumps({"format": 1, **CARD, name: value}), f"its {name} is of type {type(value).__name__}. Copy or")
            for name, value in [
                ("name", None),
                ("domain", []),
                ("recipe", 5),
                ("encoder", []),
                ("conditions", "x"),
                ("components", []),
                ("parameters", "many"),
                ("weights", 7),
            ]
        ),
    ],
)
def test_a_card_that_cannot_be_used_is_named(saved: Checkpoint, text: str, message: str) -> None:
    (saved.folder / "card.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointError, match=message):
        Checkpoint.open(saved.folder)


# ---- whole or not at all


def test_a_save_that_fails_midway_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(weights: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(genwright.checkpoint, "save_file", fail)
    with pytest.raises(OSError, match="no space left"):
        Checkpoint.save(tmp_path / "toy", weights(), CARD)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [float("nan"), object()])
def test_a_card_that_is_no_plain_data_leaves_nothing(tmp_path: Path, bad: object) -> None:
    with pytest.raises((ValueError, TypeError), match="JSON"):
        Checkpoint.save(tmp_path / "toy", weights(), {**CARD, "training": bad})
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CheckpointError, match=f"{tmp_path} is not empty. Choose another"):
        Checkpoint.save(tmp_path, weights(), CARD)
    with pytest.raises(CheckpointError, match=r"mine.txt is a file. Choose another"):
        check_new(tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "toy").mkdir()
    Checkpoint.save(tmp_path / "toy", weights(), CARD)
    assert sorted(path.name for path in (tmp_path / "toy").iterdir()) == ["card.json", "weights.safetensors"]
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]
