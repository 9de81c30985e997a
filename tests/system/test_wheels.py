"""What the wheels and source archives of the parts hold: all of their sources, the licence and the page to read."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = (
    ".",
    "core",
    "storage",
    *(str(path.parent.relative_to(ROOT)) for path in ROOT.glob("plugins/*/pyproject.toml")),
)
MADE = ("__pycache__", "*.pyc", "*.egg-info", "build", "dist")
BUILD = "from setuptools import build_meta; build_meta.build_wheel('dist'); build_meta.build_sdist('dist')"


@dataclass(frozen=True)
class Built:
    """A part and the names of the files in what was built of it."""

    part: Path
    wheel: frozenset[str]
    source: frozenset[str]
    metadata: Message

    def sources(self) -> set[str]:
        """Return what of the part is to be installed: "genwright/api.py"."""
        found = (path for path in (self.part / "src").rglob("*") if path.is_file())
        names = {path.relative_to(self.part / "src").as_posix() for path in found}
        return {name for name in names if "__pycache__" not in name and ".egg-info/" not in name}


@pytest.fixture(scope="module", params=sorted(PARTS))
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Each part, built as pip builds it, in a copy of its folder."""
    part, copy = ROOT / request.param, tmp_path_factory.mktemp("part")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(part / name, copy)
    if (part / "src").is_dir():
        shutil.copytree(part / "src", copy / "src", ignore=shutil.ignore_patterns(*MADE))
    done = subprocess.run([sys.executable, "-c", BUILD], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,), (source,) = (copy / "dist").glob("*.whl"), (copy / "dist").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (archive.read(name).decode() for name in names if name.endswith(".dist-info/METADATA"))
    with tarfile.open(source) as archive:
        inner = frozenset(name.partition("/")[2] for name in archive.getnames())
    return Built(part, frozenset(names), inner, Parser().parsestr(metadata))


def test_a_wheel_holds_every_source_and_nothing_else(built: Built) -> None:
    installed = {name for name in built.wheel if ".dist-info/" not in name}
    assert installed == built.sources()


def test_a_source_archive_holds_every_source(built: Built) -> None:
    assert {f"src/{name}" for name in built.sources()} <= built.source
    assert {"pyproject.toml", "README.md", "LICENSE"} <= built.source


def test_the_licence_comes_along(built: Built) -> None:
    assert [name for name in built.wheel if name.endswith(".dist-info/licenses/LICENSE")]
    assert (built.metadata["License-Expression"], built.metadata["License-File"]) == ("Apache-2.0", "LICENSE")


def test_the_page_to_read_is_the_readme(built: Built) -> None:
    assert built.metadata["Description-Content-Type"] == "text/markdown"
    assert built.metadata.get_payload().strip() == (built.part / "README.md").read_text(encoding="utf-8").strip()


def test_packages_say_that_they_are_typed(built: Built) -> None:
    packages = {name.partition("/")[0] for name in built.sources()}
    assert {f"{package}/py.typed" for package in packages} <= built.wheel


@pytest.mark.parametrize("part", sorted(PARTS))
def test_each_part_has_the_licence_of_all(part: str) -> None:
    """License files are looked for in the folder of the part alone, so each has a copy."""
    assert (ROOT / part / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_all_parts_are_of_one_version() -> None:
    found = {part: tomllib.loads((ROOT / part / "pyproject.toml").read_text())["project"]["version"] for part in PARTS}
    assert len(set(found.values())) == 1, found
