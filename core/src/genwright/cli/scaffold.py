"""Writes a new plugin: a small domain that works, to be made one's own."""

from __future__ import annotations

import hashlib
import importlib.resources
import keyword
import re
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from genwright.errors import UsageError

__all__ = ["write_plugin"]

_ENDING = ".template"


def write_plugin(name: str, folder: Path) -> list[Path]:
    """Write the distribution genwright-NAME to a new folder and return its files.

    Raises UsageError if the name cannot be one, or the folder is not empty.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UsageError(f"a plugin's name is lower-case words joined by '-'; got {name!r}. Example: drum-rhythms.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"a plugin is written to a new folder; {folder} is there already. Choose another: --folder.")
    template = importlib.resources.files("genwright.cli") / "template"
    words = _words(name, data=(template / "src" / "module" / f"name.txt{_ENDING}").read_bytes())
    written = []
    for path, text in _files(template, Path()):
        target = folder / _renamed(path, words)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Template(text).substitute(words), encoding="utf-8", newline="\n")
        written.append(target)
    return written


def _words(name: str, *, data: bytes) -> dict[str, str]:
    return {
        "name": name,
        "module": f"genwright_{name.replace('-', '_')}",
        # With an ending, since a word alone may be Python's (True) or one that the module imports (Path).
        "title": "".join(word.capitalize() for word in name.split("-")) + "Domain",
        "sha256": hashlib.sha256(data).hexdigest(),
        "rows": str(sum(not line.startswith(b"#") for line in data.splitlines())),
    }


def _files(folder: Traversable, inner: Path) -> Iterator[tuple[Path, str]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _files(entry, inner / entry.name)
        elif entry.name.endswith(_ENDING):
            yield inner / entry.name.removesuffix(_ENDING), entry.read_text(encoding="utf-8")


def _renamed(path: Path, words: dict[str, str]) -> Path:
    """Return where a file of the template goes: "module" and "name" in it stand for the plugin's own."""
    return Path(
        *(re.sub(r"(?<![a-z])(module|name)(?![a-z])", lambda word: words[word[0]], part) for part in path.parts)
    )
