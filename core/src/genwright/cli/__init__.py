"""The command line: arguments in, one call of the library, text out.

Each command is a module of its own, imported when it is called, so that `genwright --help` imports nothing heavy.
Data go to stdout; progress, warnings and errors to stderr. The program exits with 0 if all went well, 1 if it failed
or nothing was found, 2 if it was called wrongly, 130 if it was interrupted.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import click

from genwright import builtin
from genwright.cli.output import print_json, say
from genwright.errors import GenwrightError, UsageError
from genwright.specs import CommandSpec

__all__ = ["Commands", "genwright", "main"]


class Commands(click.Group):
    """Core's commands and those of plugins, by their specs; what a spec names is imported when it is called."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Return core's commands, then those of plugins."""
        return [spec.name for spec in self._listed()]

    def get_command(self, context: click.Context, name: str) -> click.Command:
        """Return the command of this name. Raises UnknownName if there is none."""
        spec = _CORE.get(name)
        if spec is None:
            # Only here, so that core's commands work also where loading a plugin kills the process.
            from genwright.registry import registry

            spec = registry().get("command", name)
        command: click.Command = spec.load()
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands with the summaries of their specs."""
        with formatter.section("Commands"):
            formatter.write_dl([(spec.name, spec.summary) for spec in self._listed()])

    def invoke(self, context: click.Context) -> Any:
        """Call the command. What reads the output may close it early, as `head` does; that is no failure."""
        try:
            result = super().invoke(context)
            sys.stdout.flush()
        except BrokenPipeError:
            _drop_output()
            return 0
        return result

    def _listed(self) -> Iterable[CommandSpec]:
        from genwright.registry import registry

        # A name of two words is a command within a group of core, which lists it.
        added = (spec for spec in registry().specs("command") if spec.name not in _CORE and " " not in spec.name)
        return [*_CORE.values(), *added]


_CORE = {spec.name: spec for spec in builtin.register_commands()}


def _print_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from genwright.registry import registry

        click.echo(f"genwright {registry().plugins[0].version}")
        context.exit()


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Print it.")
def genwright() -> None:
    """One workbench for generative models: train, generate, evaluate and audit, in every domain."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    arguments: those after the program's name; None for the process's own
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    with warnings.catch_warnings():
        warnings.showwarning = _say_warning
        return _run(arguments)


def _run(arguments: list[str]) -> int:
    try:
        result = genwright.main(arguments, prog_name="genwright", standalone_mode=False)
    except click.Abort:
        say("Interrupted.")
        return 130
    except click.ClickException as error:
        if "--json" not in arguments:
            error.show()
            return error.exit_code
        return _failed(error.format_message(), "usage", error.exit_code, as_json=True)
    except GenwrightError as error:
        return _failed(str(error), error.code, 2 if isinstance(error, UsageError) else 1, as_json="--json" in arguments)
    except OSError as error:
        _drop_output()
        message = (
            f"the system refused {error.filename or 'to write'}: {error.strerror or error}. "
            "Check that the place is there, may be written and has space left."
        )
        return _failed(message, GenwrightError.code, 1, as_json="--json" in arguments)
    return result if isinstance(result, int) else 0


def _drop_output() -> None:
    """Let go of output that cannot be written, since Python would try once more at its end and fail."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(message: str, code: str, exit_code: int, *, as_json: bool) -> int:
    if as_json:
        print_json({"error": {"code": code, "message": message}}, err=True)
    else:
        say(f"Error: {message}")
    return exit_code


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    say(f"Warning: {message}")
