from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from genwright.parts import Arrays, Parts

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda content: b"",
    "replaced": lambda content: b"no archive",
    "cut": lambda content: content[: len(content) // 2],
    "one bit": lambda content: content.replace(b"CCO", b"CCN"),
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def computed() -> Arrays:
    return {"text": np.frombuffer(b"CCO", dtype=np.uint8), "mean": np.array(0.5)}


def never() -> Arrays:
    raise AssertionError("computed again")


def parts(**changes: Path) -> Parts:
    return Parts(domain="toys", digest="d1", **changes)


def files(folder: Path) -> list[str]:
    return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()]


def test_a_part_is_computed_once_and_comes_back_as_it_was(cache: Path) -> None:
    first, again = parts().get("text", computed), parts().get("text", never)
    assert bytes(first["text"]) == bytes(again["text"]) == b"CCO"
    assert float(again["mean"]) == 0.5
    assert files(cache) == ["toys/references/d1/text.npz"]


def test_another_name_or_digest_is_another_part(tmp_path: Path) -> None:
    parts(folder=tmp_path).get("text", computed)
    for other, name in ((parts(folder=tmp_path), "b"), (Parts(domain="toys", digest="d2", folder=tmp_path), "text")):
        with pytest.raises(AssertionError, match="computed again"):
            other.get(name, never)
    assert files(tmp_path) == ["d1/text.npz"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_computed_again_with_a_warning(cache: Path, damage: str) -> None:
    parts().get("text", computed)
    (file,) = cache.rglob("text.npz")
    content = file.read_bytes()
    file.write_bytes(DAMAGES[damage](content))
    with pytest.warns(RuntimeWarning, match=r"a damaged file is computed again: .*text\.npz"):
        assert bytes(parts().get("text", computed)["text"]) == b"CCO"
    assert file.read_bytes() == content


def test_nothing_is_left_of_a_file_that_cannot_be_finished(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(file: IO[bytes], **_: object) -> None:
        file.write(b"PK")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", fill)
    with pytest.warns(RuntimeWarning, match="a part of a reference is not kept: .*No space left on device"):
        assert parts().get("text", computed)
    assert files(cache) == []


def test_a_folder_that_cannot_be_written_costs_a_warning_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.warns(RuntimeWarning, match="a part of a reference is not kept"):
        assert bytes(parts(folder=tmp_path / "file").get("text", computed)["text"]) == b"CCO"
