"""Groups of commands: one to which plugins add, by specs such as "audit prove", and one that lists by default."""

from __future__ import annotations

import click

from genwright.errors import UnknownName
from genwright.registry import registry
from genwright.specs import CommandSpec

__all__ = ["Group", "Listing"]


class Group(click.Group):
    """Core's commands of one name, then those that plugins add, which are imported when they are called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return the commands of core, then those of plugins."""
        return [*super().list_commands(context), *self._added()]

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Return the command of this name, or None."""
        own = super().get_command(context, name)
        if own is not None:
            return own
        try:
            command: click.Command = registry().get("command", f"{self.name} {name}").load()
        except UnknownName:
            return None
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with their summaries, those of plugins by their specs."""
        own = {name: super(Group, self).get_command(context, name) for name in super().list_commands(context)}
        summaries = {name: command.get_short_help_str(200) for name, command in own.items() if command is not None}
        summaries |= {name: spec.summary for name, spec in self._added().items()}
        with formatter.section("Commands"):
            formatter.write_dl(list(summaries.items()))

    def _added(self) -> dict[str, CommandSpec]:
        start = f"{self.name} "
        specs = registry().specs("command")
        return {spec.name.removeprefix(start): spec for spec in specs if spec.name.startswith(start)}


class Listing(click.Group):
    """A group whose command `list` is called where none is named, with the options that are given."""

    def parse_args(self, context: click.Context, arguments: list[str]) -> list[str]:
        """Take the arguments; options alone are those of `list`, so that none is passed over before another command."""
        is_named = arguments and (not arguments[0].startswith("-") or arguments[0] in context.help_option_names)
        # Completion asks what may come next: all commands.
        if not is_named and not context.resilient_parsing:
            arguments = ["list", *arguments]
        return super().parse_args(context, arguments)
