from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from genwright.datasets import digest
from genwright.specs import DatasetSpec, ModelSpec, Spec
from genwright_molecules import plugin

HOOKS = [name for name in vars(plugin) if name.startswith("register_")]
MIRROR = os.environ.get("GENWRIGHT_DATA_MIRROR")


def specs() -> Iterator[Spec]:
    for hook in HOOKS:
        yield from getattr(plugin, hook)()


@pytest.mark.parametrize(
    "spec", [s for s in specs() if not isinstance(s, ModelSpec)], ids=lambda s: f"{s.kind} {s.name}"
)
def test_every_target_is_there(spec: Spec) -> None:
    assert callable(spec.load())


def test_naming_what_there_is_imports_nothing_heavy() -> None:
    code = (
        "import sys; from genwright_molecules import plugin; "
        f"[getattr(plugin, hook)() for hook in {HOOKS}]; "
        "print([m for m in ('torch', 'rdkit', 'numpy', 'selfies', 'partialsmiles', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_set_inside_rdkit_is_as_described() -> None:
    spec = next(s for s in plugin.register_datasets() if s.name == "nci")
    package, _, inner = spec.url.removeprefix("package://").partition("/")
    found = find_spec(package)
    assert found is not None
    assert found.submodule_search_locations is not None
    path = Path(found.submodule_search_locations[0], inner)
    assert digest(path) == spec.sha256
    assert len(list(spec.load()(path, True))) == spec.rows


@pytest.mark.slow
@pytest.mark.skipif(MIRROR is None, reason="GENWRIGHT_DATA_MIRROR names no folder with the data sets")
@pytest.mark.parametrize("spec", [s for s in plugin.register_datasets() if s.name != "nci"], ids=lambda s: s.name)
def test_the_sets_in_a_mirror_are_as_described(spec: DatasetSpec) -> None:
    wanted = {spec.sha256, *spec.mirrors}
    assert MIRROR is not None
    path = next((p for p in Path(MIRROR).rglob("*") if p.is_file() and digest(p) in wanted), None)
    if path is None:
        pytest.skip(f"the mirror folder does not hold {spec.name}")
    assert sum(1 for _ in spec.load()(path, True)) == spec.rows
