"""Plugins laid out on disk as pip would leave them, for tests of what finds and loads them, and databases."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import jaxtyping
import pytest
import torch

if TYPE_CHECKING:
    from tests.storage.server import Server

Install = Callable[..., None]

ROOT = Path(__file__).parents[1]


def shaped() -> list[str]:
    """Return the modules of all parts that say shapes in their signatures: "genwright.seeds"."""
    files = [*ROOT.glob("core/src/**/*.py"), *ROOT.glob("plugins/*/src/**/*.py")]
    found = (path for path in files if "\nfrom jaxtyping import " in path.read_text(encoding="utf-8"))
    return [".".join(path.with_suffix("").parts[path.parts.index("src") + 1 :]) for path in found]


# The keys of the stores that tests make, and of the processes that they start, are apart from the user's.
os.environ["GENWRIGHT_KEYS"] = tempfile.mkdtemp(prefix="genwright-keys-")
atexit.register(shutil.rmtree, os.environ["GENWRIGHT_KEYS"], ignore_errors=True)

# Where there is no GPU, kernels are interpreted. Triton has to know it when anything imports it first.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

# Shapes and types in signatures are checked wherever tensors go; before anything of it is imported.
jaxtyping.install_import_hook(shaped(), "beartype.beartype")


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


@pytest.fixture(scope="session", name="lay_out")
def lay_out_fixture() -> Install:
    """Lay out a plugin in a folder, for other processes to find: see `lay_out`."""
    return lay_out


@pytest.fixture(scope="session")
def rhythms_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the plugin in examples/new_domain installed, to be put on the path of other processes."""
    folder = tmp_path_factory.mktemp("site")
    example = Path(__file__).parents[1] / "examples" / "new_domain" / "src"
    shutil.copytree(example, folder, dirs_exist_ok=True)
    code = "from genwright_rhythms.plugin import *\n"
    version, group = "0.3.1", "genwright.v1"
    lay_out(folder, "rhythms", code, version=version, group=group, requires=(), dist="genwright-rhythms")
    return folder


@pytest.fixture(scope="session")
def rhythms_model(rhythms_site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of rhythms that has learned so little that some of what it draws is flawed; it needs `rhythms`."""
    import genwright as gw
    from genwright.registry import registry

    recipe = gw.Recipe(
        domain="rhythms",
        data="rhythms",
        conditions=("strokes",),
        family=gw.use("autoregressive"),
        backbone=gw.use("transformer", width=32, depth=1, heads=2),
        steps=6,
        batch_size=32,
        learning_rate=5e-3,
        average=0.5,
        warmup=5,
        held_out=0.1,
    )
    folder = tmp_path_factory.mktemp("models") / "first"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(rhythms_site)
        patch.setenv("GENWRIGHT_CACHE", str(tmp_path_factory.mktemp("cache")))
        registry.cache_clear()
        gw.train(recipe, name="rhythms/first", folder=folder, store=False, device="cpu")
    registry.cache_clear()
    forget(rhythms_site)
    return folder


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server for all tests that ask for one."""
    from tests.storage.server import running

    with running() as server:
        yield server


@pytest.fixture
def postgresql(server: Server) -> Iterator[str]:
    """The URL of a new, empty database."""
    with server.database() as name:
        yield server.url(name)


def forget(folder: Path) -> None:
    """Have what was imported from a folder imported anew next time."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(folder)):
            del sys.modules[name]
