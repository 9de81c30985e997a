from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from genwright.cli.scaffold import write_plugin
from genwright.errors import UsageError

ROOT = Path(__file__).parents[3]
LEFT = r"(^|/)(\.|__pycache__/)|\.egg-info/"
EXAMPLE = ROOT / "examples" / "new_domain"


def texts(folder: Path) -> dict[str, str]:
    """Return the files of a folder, without what running and installing it leaves there."""
    files = (
        path for path in folder.rglob("*") if path.is_file() and not re.search(LEFT, str(path.relative_to(folder)))
    )
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


def test_the_example_is_what_new_writes(tmp_path: Path) -> None:
    """To change it, change the template and write it anew (plugins new rhythms --folder examples/new_domain)."""
    write_plugin("rhythms", tmp_path / "written")
    assert texts(tmp_path / "written") == texts(EXAMPLE)


def test_a_new_plugin_passes_its_own_tests_under_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "written"
    written = write_plugin("drum-patterns", folder)
    assert folder / "src" / "genwright_drum_patterns" / "drum-patterns.txt" in written
    assert not [path for path, text in texts(folder).items() if "rhythms.txt" in path or "genwright_rhythms" in text]
    path = os.pathsep.join([str(folder / "src"), *sys.path])
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder / "tests")]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["true", "data-error", "path"])
def test_a_name_is_not_taken_for_another_thing_of_the_same_name(name: str, tmp_path: Path) -> None:
    """What was written for these once could not be imported, or hid what it used."""
    write_plugin(name, tmp_path)
    module = ast.parse((tmp_path / "src" / f"genwright_{name.replace('-', '_')}" / "domain.py").read_text())
    imported = {alias.name for node in ast.walk(module) if isinstance(node, ast.ImportFrom) for alias in node.names}
    (made,) = [node.name for node in module.body if isinstance(node, ast.ClassDef)]
    assert made not in imported


@pytest.mark.parametrize("name", ["", "Audio", "my_domain", "-x", "a--b", "3d", "class", "../x"])
def test_a_name_that_no_module_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"a plugin's name is lower-case words joined by '-'; got '.*'\. Example: drum"
    ):
        write_plugin(name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for folder in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(UsageError, match=r"is written to a new folder; .* is there already\. Choose another"):
            write_plugin("audio", folder)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
