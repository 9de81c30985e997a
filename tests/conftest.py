"""Plugins laid out on disk as pip would leave them, for tests of what finds and loads them."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import jaxtyping
import pytest

Install = Callable[..., None]

# Shapes and types in signatures are checked wherever tensors go; before anything of it is imported.
jaxtyping.install_import_hook(
    ["genwright.backbones", "genwright.families", "genwright.samplers", "genwright.seeds"], "beartype.beartype"
)


def lay_out(
    folder: Path, name: str, code: str, *, version: str, group: str, requires: tuple[str, ...], dist: str
) -> None:
    module = f"{dist.replace('-', '_')}_plugin"
    (folder / f"{module}.py").write_text(textwrap.dedent(code), encoding="utf-8")
    info = folder / f"{dist.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {dist}",
        f"Version: {version}",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    (info / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}\n", encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder in which plugins are installed."""
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


@pytest.fixture
def install(site: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a plugin for this test: install("audio", "code of its module")."""
    from genwright.registry import registry

    monkeypatch.syspath_prepend(site)
    monkeypatch.delenv("GENWRIGHT_PLUGINS", raising=False)
    registry.cache_clear()

    def write(
        name: str,
        code: str,
        *,
        version: str = "0.3.1",
        group: str = "genwright.v1",
        requires: tuple[str, ...] = (),
        dist: str | None = None,
    ) -> None:
        dist = f"genwright-{name}" if dist is None else dist
        lay_out(site, name, code, version=version, group=group, requires=requires, dist=dist)

    yield write
    registry.cache_clear()
    forget(site)


@pytest.fixture
def rhythms(site: Path, install: Install) -> Path:
    """The plugin in examples/new_domain, installed for this test; the folder of its package."""
    example = Path(__file__).parents[1] / "examples" / "new_domain" / "src"
    shutil.copytree(example, site, dirs_exist_ok=True)
    install("rhythms", "from genwright_rhythms.plugin import *\n")
    return site / "genwright_rhythms"


def forget(folder: Path) -> None:
    """Have what was imported from a folder imported anew next time."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(folder)):
            del sys.modules[name]
