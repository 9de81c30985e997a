"""`genwright doctor`: what this machine has, and what is wrong with it. It works with whatever is broken."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from genwright.cli.output import json_option, print_json
from genwright.datasets import MIRROR
from genwright.errors import UsageError
from genwright.folders import cache_folder, store_file, store_url
from genwright.registry import Plugin, registry

__all__ = ["doctor"]

_LIBRARIES = (
    "genwright",
    "genwright-core",
    "genwright-storage",
    "torch",
    "triton",
    "numba",
    "numpy",
    "lightning-fabric",
    "safetensors",
    "sqlalchemy",
    "pluggy",
    "click",
)
# Up to 3.51.2, a write-ahead log that one process resets while others write can be damaged.
_SAFE_SQLITE = (3, 51, 3)
_PATIENCE = 120.0
# By this number genwright-storage marks its files; it may not be installed here.
_APPLICATION = 0x476E7772


@dataclass(kw_only=True)
class Findings:
    """What was found: facts, troubles (something does not work) and notes (something may not, one day)."""

    facts: dict[str, Any] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Say what this machine has, and what is wrong with it. Exits with 1 if something is."""
    findings = Findings()
    for examine in (_versions, _devices, _sqlite, _plugins, _store, _folders):
        examine(findings)
    if as_json:
        print_json(findings.facts | {"troubles": findings.troubles, "notes": findings.notes})
    else:
        _print(findings)
    return 1 if findings.troubles else 0


def _versions(findings: Findings) -> None:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    findings.facts["python"] = platform.python_version()
    findings.facts["executable"] = sys.executable
    findings.facts["platform"] = platform.platform()
    findings.facts["libraries"] = found


def _devices(findings: Findings) -> None:
    command = [sys.executable, "-m", "genwright.cli.devices"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except subprocess.TimeoutExpired:
        findings.facts["devices"] = None
        findings.troubles.append(f"PyTorch was not imported within {_PATIENCE:.0f} seconds. Install it again.")
        return
    if done.returncode == 0:
        findings.facts["devices"] = json.loads(done.stdout.splitlines()[-1])
        return
    findings.facts["devices"] = None
    reason = done.stderr.strip().splitlines()[-1:] or [f"the process ended with {done.returncode}"]
    findings.troubles.append(f"PyTorch cannot be imported: {reason[0]}. Install it again: https://pytorch.org")


def _sqlite(findings: Findings) -> None:
    try:
        import sqlite3
    except ImportError as error:
        findings.facts["sqlite"] = None
        findings.troubles.append(f"this Python has no SQLite: {error}. Install a Python with it.")
        return
    findings.facts["sqlite"] = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < _SAFE_SQLITE:
        findings.notes.append(
            f"SQLite {sqlite3.sqlite_version} can damage a file that several processes write at once, by a fault that "
            f"3.51.3 mends. Genwright keeps its own processes apart by a lock; let no other program write to the store."
        )


def _plugins(findings: Findings) -> None:
    found = registry().plugins
    findings.facts["plugins"] = {plugin.name: _told(plugin) for plugin in found}
    findings.troubles += [
        f"plugin {plugin.name!r} ({plugin.origin}) is refused: {plugin.trouble}" for plugin in found if plugin.trouble
    ]


def _store(findings: Findings) -> None:
    url = store_url()
    scheme = url.partition(":")[0].partition("+")[0]
    findings.facts["store"] = {"url": url}
    known = [spec.name for spec in registry().specs("store")]
    if scheme not in known:
        findings.troubles.append(
            f"the store {url} needs a plugin for {scheme!r}; there are {', '.join(known) or 'none'}. "
            f"Install one (genwright-storage has sqlite), or name another store in GENWRIGHT_STORE."
        )
    if scheme == "sqlite":
        try:
            path, _ = store_file(url)
        except UsageError as error:
            findings.troubles.append(str(error))
            return
        trouble = _sqlite_trouble(path)
        findings.facts["store"] |= {"size": path.stat().st_size if path.is_file() else None, "free": _free(path)}
        if trouble is not None:
            findings.troubles.append(f"the store {path} cannot be used: {trouble}")


def _sqlite_trouble(path: Path) -> str | None:
    """Say why a file cannot serve as the store, without changing or making it."""
    if not path.exists():
        folder = _existing(path)
        return None if os.access(folder, os.W_OK) else f"{folder} may not be written. Change its permissions."
    import sqlite3

    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            (application,) = connection.execute("PRAGMA application_id").fetchone()
    except sqlite3.Error as error:
        return f"{error}. Restore a backup, or name another in GENWRIGHT_STORE."
    if application != _APPLICATION and (application or tables):
        return "it is a database of another program. Name another file in GENWRIGHT_STORE."
    return None


def _folders(findings: Findings) -> None:
    findings.facts["folders"] = {"cache": str(cache_folder())}
    if mirror := os.environ.get(MIRROR):
        findings.facts["folders"]["mirror"] = mirror
        if not Path(mirror).is_dir():
            findings.troubles.append(f"{MIRROR} names a folder with data sets; {mirror} is none. Correct or unset it.")


def _existing(path: Path) -> Path:
    return next(folder for folder in path.absolute().parents if folder.exists())


def _free(path: Path) -> int:
    return shutil.disk_usage(_existing(path)).free


def _told(plugin: Plugin) -> str:
    return plugin.origin if plugin.trouble is None else f"{plugin.origin}, refused"


def _print(findings: Findings) -> None:
    for name, fact in findings.facts.items():
        if isinstance(fact, dict):
            click.echo(name)
            for key, value in fact.items():
                click.echo(f"  {key}: {_shown(key, value)}")
        else:
            click.echo(f"{name}: {fact}")
    for title, sentences in (("wrong", findings.troubles), ("to know", findings.notes)):
        for sentence in sentences:
            click.echo(f"\n{title}: {sentence}")
    if not findings.troubles:
        click.echo("\nNothing is wrong.")


def _shown(key: str, value: Any) -> str:
    if key in ("size", "free", "memory") and isinstance(value, int):
        return f"{value / 1e9:.1f} GB" if value >= 1e8 else f"{value / 1e6:.1f} MB"
    if key == "cards":
        cards = [f"{card['name']} ({card['capability']}, {_shown('memory', card['memory'])})" for card in value]
        return ", ".join(cards) or "none"
    return "none" if value is None else str(value)
