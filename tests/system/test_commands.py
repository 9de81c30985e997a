"""What all commands have in common, those of core and of every plugin that is installed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from genwright.cli import genwright, main

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "json.md"


def commands(command: click.Command, words: tuple[str, ...] = (), above: click.Context | None = None) -> Iterator[str]:
    """Yield each command below one that is no group, and whether it has --json, as "audit prove --json"."""
    if not isinstance(command, click.Group):
        is_told = any("--json" in option.opts for option in command.params)
        yield " ".join((*words, "--json") if is_told else words)
        return
    with click.Context(command, parent=above, info_name=words[-1] if words else "genwright") as context:
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None, name
            yield from commands(found, (*words, name), context)


def test_every_command_prints_json_where_that_is_asked_for() -> None:
    found = set(commands(genwright))
    assert {"doctor --json", "store path --json", "audit retention end --json", "store roles grant --json"} <= found
    assert [command for command in sorted(found) if not command.endswith(" --json")] == []


def test_the_reference_of_json_names_commands_that_there_are() -> None:
    rows = re.findall(r"^\|(.*?)\|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    named = {f"{name} --json" for row in rows for name in re.findall("`(.*?)`", row)}
    assert len(named) > 20
    assert named - set(commands(genwright)) == set()


@pytest.mark.parametrize("group", [["plugins"], ["store", "roles"], ["audit", "retention"]])
def test_a_group_that_lists_by_default_completes_to_its_commands(group: list[str]) -> None:
    completions = ShellComplete(genwright, {}, "genwright", "_GENWRIGHT").get_completions(group, "")
    assert len(completions) > 2
    assert "list" in [completion.value for completion in completions]


@pytest.mark.parametrize("group", [["plugins"], ["store", "roles"], ["audit", "retention"]])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_a_group_that_lists_by_default_has_help_of_its_own(
    group: list[str], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*group, option]) == 0
    assert "Commands:" in capsys.readouterr().out
