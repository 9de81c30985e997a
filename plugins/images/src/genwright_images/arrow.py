"""Folders that the library `datasets` of Hugging Face saves: Arrow files, and what their columns mean."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from genwright.errors import DataError
from genwright.tally import Tally
from genwright_images.pictures import decoded

__all__ = ["is_saved", "read"]

_STATE, _INFO, _SPLITS = "state.json", "dataset_info.json", "dataset_dict.json"


def is_saved(folder: Path) -> bool:
    """Say whether a folder is one that `save_to_disk` wrote, of one split or of several."""
    return (folder / _STATE).is_file() or (folder / _SPLITS).is_file()


def read(folder: Path, tally: Tally) -> Iterator[Image.Image]:
    """Yield the images of a saved data set; a column of class labels is their class, one of text their caption.

    Raises DataError if pyarrow is not installed, or the folder has several splits or no column of images.
    """
    if (folder / _SPLITS).is_file():
        splits = ", ".join(_json(folder / _SPLITS).get("splits", ()))
        raise DataError(f"{folder} holds several splits: {splits}. Name the folder of one, such as {folder}/train.")
    columns = _json(folder / _INFO).get("features", {})
    image = next((name for name, column in columns.items() if _kind(column) == "Image"), None)
    if image is None:
        raise DataError(f"{folder} should have a column of images; its columns are {', '.join(columns)}.")
    for place, row in enumerate(_rows(folder)):
        try:
            found = decoded(io.BytesIO((row[image] or {}).get("bytes") or b""))
        except DataError as error:
            tally.refuse(f"row {place:,}", str(error))
            continue
        found.info.update(_said(row, columns))
        tally.read += 1
        yield found


def _rows(folder: Path) -> Iterator[Mapping[str, Any]]:
    try:
        import pyarrow
    except ImportError as error:
        raise DataError(
            f"{folder} holds Arrow files, which pyarrow reads; it is not installed. "
            "Run: pip install 'genwright-images[arrow]'."
        ) from error
    for file in _json(folder / _STATE).get("_data_files", ()):
        path = folder / Path(file["filename"]).name
        try:
            with path.open("rb") as stream, pyarrow.ipc.open_stream(stream) as batches:
                for batch in batches:
                    yield from batch.to_pylist()
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read as Arrow: {error}. Save the data set again.") from error


def _said(row: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, column in columns.items():
        value = row.get(name)
        if _kind(column) == "ClassLabel" and isinstance(value, int) and 0 <= value < len(column["names"]):
            found.setdefault("class", str(column["names"][value]))
        elif _kind(column) == "Value" and isinstance(value, str) and name in ("caption", "text", "prompt"):
            found.setdefault("caption", value)
    return found


def _kind(column: Any) -> str:
    return str(column.get("_type", "")) if isinstance(column, dict) else ""


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}. Save the data set again.") from error
    return data if isinstance(data, dict) else {}
