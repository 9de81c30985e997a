"""What a fresh process imports, how long it takes, and what it survives."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Install = Callable[..., None]
HEAVY = {"torch", "numpy", "scipy", "pandas", "rdkit", "sqlalchemy", "pooch", "requests", "lightning"}
LIGHT = (
    *("builtin", "datasets", "errors", "hooks", "metrics", "observers", "folders", "options", "recipe", "registry"),
    *("run", "space", "specs", "cli", "cli.data", "cli.devices", "cli.doctor", "cli.output", "cli.plugins"),
    "cli.scaffold",
)

BROKEN = {
    "absent": "import no_such_module",
    "garbled": "def (:",
    "leaving": "import sys; sys.exit(0)",
    "raising": "raise RuntimeError('no sound card')",
    "endless": "def f(): f()\nf()",
    "empty": "",
    "misspelt": "from genwright.hooks import hookimpl\n@hookimpl\ndef register_domain(): return []",
    "unmarked": "def register_domains(): return []",
    "shouting": "print('{ not json')\n1/0",
}


@pytest.fixture
def broken(install: Install, site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment in which every plugin is broken, each in another way."""
    for name, code in BROKEN.items():
        install(name, code)
    install("future", "1/0", group="genwright.v2")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("GENWRIGHT_STORE", "memory:")
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR", raising=False)


def genwright(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "genwright", *arguments], capture_output=True, text=True, check=False)


def imported(code: str) -> set[str]:
    """Return the top-level modules that a fresh process has imported after running some code."""
    script = f"import sys\n{code}\nprint(*{{name.partition('.')[0] for name in sys.modules}}, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "code",
    [
        "import genwright",
        "from genwright.registry import registry; registry().specs('family')",
        *(
            f"from genwright.cli import main; main({arguments})"
            for arguments in (
                ["--help"],
                ["plugins", "list"],
                ["plugins", "install", "x", "--dry-run"],
                ["data", "list"],
            )
        ),
    ],
)
def test_finding_out_what_there_is_imports_nothing_heavy(code: str) -> None:
    assert imported(code) & HEAVY == set()


def test_modules_marked_light_import_no_torch() -> None:
    code = "\n".join(f"import genwright.{module}" for module in LIGHT)
    assert imported(code) & (HEAVY - {"numpy"}) == set()


@pytest.mark.parametrize(("arguments", "seconds"), [(["--help"], 0.8), (["plugins", "list"], 1.0)])
def test_the_command_line_starts_quickly(arguments: list[str], seconds: float) -> None:
    """It takes 0.15 s here; the limits are in time of the processor, which other programs do not lengthen much."""
    spent = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert genwright(*arguments).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < seconds


def test_every_broken_plugin_is_listed_with_its_reason(broken: None) -> None:
    done = genwright("plugins", "list", "--json")
    assert done.returncode == 0, done.stderr
    troubles = {plugin["name"]: plugin["trouble"] for plugin in json.loads(done.stdout)}
    assert troubles["core"] is None
    assert [name for name in [*BROKEN, "future"] if not troubles[name]] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["plugins"], 0),
        (["plugins", "uninstall", "leaving", "--dry-run"], 0),
        (["plugins", "install", "molecules", "--dry-run"], 0),
        (["data", "show", "absent"], 2),
        (["doctor"], 1),
    ],
)
def test_the_command_line_works_with_every_plugin_broken(broken: None, arguments: list[str], code: int) -> None:
    done = genwright(*arguments)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_a_plugin_that_kills_the_process_can_be_uninstalled_and_left_out(
    broken: None, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("deadly", "import os; os._exit(9)")
    assert genwright("plugins", "list").returncode == 9
    assert "genwright-deadly" in genwright("plugins", "uninstall", "deadly", "--dry-run").stdout
    monkeypatch.setenv("GENWRIGHT_PLUGINS", "absent")
    done = genwright("plugins", "list")
    assert done.returncode == 0
    assert "it was left out: only absent may be loaded (GENWRIGHT_PLUGINS)." in done.stdout
