"""`genwright plugins`: list, install, uninstall, begin and check plugins."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genwright.cli.group import Listing
from genwright.cli.output import json_option, print_json, print_table, say
from genwright.errors import UnknownName, UsageError
from genwright.registry import Plugin, discover, registry

if TYPE_CHECKING:
    from genwright.testing.check import Check

__all__ = ["plugins"]


@click.group(cls=Listing)
def plugins() -> None:
    """List, install, uninstall, begin and check plugins."""


@plugins.command("list")
@json_option
def list_plugins(as_json: bool) -> None:
    """List what is installed, and why any of it was refused."""
    found = registry().plugins
    if as_json:
        print_json([_to_json(plugin) for plugin in found])
        return
    print_table(
        ("plugin", "distribution", "version", "contributes"),
        [(plugin.name, plugin.distribution, plugin.version, _contributes(plugin)) for plugin in found],
    )


@plugins.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("-U", "--upgrade", is_flag=True, help="Take the newest release also where one is installed.")
@click.option("-e", "--editable", is_flag=True, help="Install a folder so that changes in it take effect.")
@click.option("--dry-run", is_flag=True, help="Print the command and run nothing.")
@json_option
def install(names: tuple[str, ...], upgrade: bool, editable: bool, dry_run: bool, as_json: bool) -> int:
    """Install plugins into this environment, with pip.

    NAME is a plugin's short name ("molecules" for genwright-molecules), or anything that pip takes: a distribution
    with a version, a folder, a wheel, a URL.
    """
    command = ["install", *(["--upgrade"] if upgrade else [])]
    for name in names:
        command += ["--editable", _requirement(name)] if editable else [_requirement(name)]
    code = _run_pip(command, dry_run=dry_run, as_json=as_json)
    if code == 0 and not dry_run:
        # A new process, since one that is running sees neither editable installs nor new versions of what it imported.
        listing = [sys.executable, "-m", "genwright", "plugins", "list", *(["--json"] if as_json else [])]
        code = subprocess.run(listing, check=False).returncode
    return code


@plugins.command()
@click.argument("name")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Print the command and run nothing.")
@json_option
def uninstall(name: str, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Uninstall a plugin, also one that is broken."""
    # Nothing is loaded to find out which distribution it is from.
    installed = {plugin.name: plugin.distribution for plugin in discover(only=()).plugins if plugin.name != "core"}
    distribution = installed.get(name, name if name in installed.values() else None)
    if distribution is None:
        raise UnknownName("plugin", name, installed)
    if not (yes or dry_run):
        click.confirm(f"Uninstall {distribution}?", abort=True, err=True)
    code = _run_pip(["uninstall", "--yes", distribution], dry_run=dry_run, as_json=as_json)
    if as_json and code == 0 and not dry_run:
        print_json({"uninstalled": distribution})
    return code


@plugins.command()
@click.argument("name")
@click.option("--folder", type=click.Path(path_type=Path), help="Where to write it; genwright-NAME if not given.")
@json_option
def new(name: str, folder: Path | None, as_json: bool) -> None:
    """Begin a plugin: a small domain that works, with its test, to be made your own."""
    from genwright.cli.scaffold import write_plugin

    folder = Path(f"genwright-{name}") if folder is None else folder
    written = [str(path) for path in write_plugin(name, folder)]
    if as_json:
        print_json(written)
    else:
        click.echo("\n".join(written))
    say(f"Next: genwright plugins install -e {folder if folder.is_absolute() else f'./{folder}'}")


@plugins.command()
@click.argument("name")
@json_option
def check(name: str, as_json: bool) -> int:
    """Check that an installed plugin keeps the contract."""
    from genwright.testing.plugins import check_plugin

    results = list(check_plugin(name))
    if as_json:
        print_json([{"check": one.name, "trouble": one.trouble, "skipped": one.skipped} for one in results])
    else:
        print_table(("check", "outcome"), [(result.name, _outcome(result)) for result in results])
    return 0 if all(result.trouble is None for result in results) else 1


def _outcome(result: Check) -> str:
    if result.trouble is not None:
        return f"failed: {result.trouble}"
    return "ok" if result.skipped is None else f"not checked: {result.skipped}"


def _contributes(plugin: Plugin) -> str:
    if plugin.trouble is not None:
        return f"refused: {plugin.trouble}"
    counts = Counter(spec.kind for spec in plugin.specs)
    return ", ".join(f"{count} {_counted(kind, count)}" for kind, count in counts.items()) or "nothing but observers"


def _counted(kind: str, count: int) -> str:
    if count == 1:
        return kind
    return "families" if kind == "family" else f"{kind}s"


def _to_json(plugin: Plugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "trouble": plugin.trouble,
        "components": [
            {"kind": spec.kind, "name": spec.name, "version": spec.version, "summary": spec.summary}
            for spec in plugin.specs
        ],
    }


def _requirement(name: str) -> str:
    """Return what pip is to install: of a plugin's short name, its distribution; all else is taken as it is."""
    if name.startswith("-"):
        raise UsageError(f"a plugin is named, or given as a folder or URL; got the option {name!r}. Leave it out.")
    short = re.fullmatch(r"([a-z0-9]+(?:-[a-z0-9]+)*)(\s*[\[=<>!~].*)?", name, re.IGNORECASE)
    if short is None or "genwright" in short[1].lower():
        return name
    return f"genwright-{short[1].lower()}{short[2] or ''}"


def _run_pip(arguments: list[str], *, dry_run: bool, as_json: bool) -> int:
    command = [sys.executable, "-m", "pip", *arguments]
    if dry_run:
        print_json({"command": command}) if as_json else click.echo(shlex.join(command))
        return 0
    if importlib.util.find_spec("pip") is None:
        raise UsageError(
            f"plugins are installed with pip, which {sys.executable} does not have. "
            f"Run: {sys.executable} -m ensurepip; or, with uv: uv pip {shlex.join(arguments)}"
        )
    # What pip tells is progress, not data.
    return 0 if subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0 else 1
