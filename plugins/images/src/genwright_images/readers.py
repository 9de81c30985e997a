"""Reading images: folders and archives of pictures, IDX, NumPy and Arrow files."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from PIL import Image

from genwright.errors import DataError
from genwright.tally import Tally, Unreadable
from genwright_images import arrow, captions, idx, npy
from genwright_images.image import from_file
from genwright_images.pictures import ENDINGS, decoded
from genwright_images.streams import DAMAGES

__all__ = ["read"]

_Files = Mapping[str, Callable[[], IO[bytes]]]


def read(path: Path, strict: bool = False) -> Iterator[Image.Image]:
    """Yield the images of a file, an archive or a folder, in the order of their names, in grey or RGB.

    In a folder or a .zip, the name of an image's sub-folder is its class; a captions.csv at the top, with a column
    file, or a .txt of the same name beside it, gives its caption. What a PNG says of itself in text chunks comes first.
    What cannot be read is passed over, counted, and told in one warning.

    Raises DataError for a path that does not exist or is of no known kind, or where nothing in it can be read; and if
    `strict`, for the first image that cannot be.
    """
    path = Path(path)
    tally = Tally(path=path, strict=strict, of="image")
    yield from _reader(path)(path, tally)
    tally.close()


def _reader(path: Path) -> Callable[[Path, Tally], Iterator[Image.Image]]:
    if path.is_dir():
        return arrow.read if arrow.is_saved(path) else _read_folder
    if not path.is_file():
        raise DataError(f"{path} does not exist. Name a file or folder of images.")
    if path.suffix.lower() in ENDINGS:
        return _read_picture
    if path.suffix.lower() == ".zip":
        return _read_archive
    if idx.is_idx(path):
        return idx.read
    if npy.is_npy(path):
        return npy.read
    raise DataError(
        f"images are read from {', '.join(ENDINGS)}, .zip, .npy, IDX files (each of these two also with .gz or .xz) "
        f"and folders; got {path.name!r}. Rename or convert it."
    )


def _read_picture(path: Path, tally: Tally) -> Iterator[Image.Image]:
    yield from _pictures({path.name: _opener(path)}, tally)


def _read_folder(path: Path, tally: Tally) -> Iterator[Image.Image]:
    found = sorted(file for file in path.rglob("*") if file.is_file())
    yield from _pictures({file.relative_to(path).as_posix(): _opener(file) for file in found}, tally)


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _read_archive(path: Path, tally: Tally) -> Iterator[Image.Image]:
    with ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(path))
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{path} cannot be opened as an archive: {error}. Write it again.") from error
        names = sorted(info.filename for info in archive.infolist() if not info.is_dir())
        yield from _pictures({name: partial(archive.open, name) for name in names}, tally)


def _pictures(files: _Files, tally: Tally) -> Iterator[Image.Image]:
    names = [name for name in files if name.lower().endswith(ENDINGS) and not _is_hidden(name)]
    if not names:
        raise DataError(f"{tally.path} holds no file that ends in {', '.join(ENDINGS)}. Name another.")
    rows = _table(files, tally.path)
    for name in names:
        try:
            with files[name]() as stream:
                image = decoded(stream)
            for fact, text in _said(name, files, rows).items():
                image.info.setdefault(fact, text)
        except (DataError, zipfile.BadZipFile, RuntimeError, *DAMAGES) as error:
            tally.refuse(name, str(error))
            continue
        tally.read += 1
        yield from_file(image, name)


def _table(files: _Files, path: Path) -> Mapping[str, Mapping[str, str]]:
    """Return what captions.csv says of each file that it names. Warns of files that are not there."""
    if captions.NAME not in files:
        return {}
    table = path / captions.NAME
    try:
        with files[captions.NAME]() as stream:
            rows = captions.read(stream.read(), table)
    except (zipfile.BadZipFile, RuntimeError, *DAMAGES) as error:
        raise DataError(f"{table} is damaged: {error}. Write it again, or take it out.") from error
    found = {captions.file_of(row): captions.said(row) for row in rows}
    if None in found or len(found) < len(rows):
        raise DataError(f"{table} needs a file in each row, in a column file, and one row a file. Mend it.")
    _warn_of_absent([name for name in found if name is not None and name not in files], table)
    return {name: said for name, said in found.items() if name is not None}


def _warn_of_absent(names: Sequence[str], table: Path) -> None:
    if names:
        warnings.warn(
            f"{table} speaks of {len(names):,} files that are not there, such as {', '.join(names[:3])}. "
            "Write each as it stands below the top folder: shoes/a.png.",
            Unreadable,
            stacklevel=2,
        )


def _said(name: str, files: _Files, rows: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    path = PurePosixPath(name)
    found = {"class": path.parent.name} if path.parent.name else {}
    if (beside := path.with_suffix(".txt").as_posix()) in files:
        with files[beside]() as stream:
            found["caption"] = stream.read().decode("utf-8-sig", "replace").strip()
    said = {**found, **rows.get(name, {})}
    return {fact: text for fact, text in said.items() if text}


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)
