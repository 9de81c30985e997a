from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable

import click
import pytest

from genwright.cli import genwright, main
from genwright.cli.output import json_option, print_data, print_json, print_table, tell
from genwright.errors import DataError, OptionError

Install = Callable[..., None]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Make `genwright doctor` do something else."""

    def put(action: Callable[[], object]) -> None:
        @click.command()
        @json_option
        def doctor(as_json: bool) -> object:
            return action()

        monkeypatch.setattr("genwright.cli.doctor.doctor", doctor)

    return put


def raising(error: BaseException) -> Callable[[], object]:
    def action() -> object:
        raise error

    return action


def test_help_lists_every_command_with_its_summary(capsys: Capture) -> None:
    assert main(["--help"]) == 0
    printed = capsys.readouterr().out
    for name in genwright.list_commands(click.Context(genwright)):
        assert f"\n  {name} " in printed
    assert "Draw samples from a model and record them." in printed


def test_the_version_is_printed(capsys: Capture) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("genwright 0")


def test_an_unknown_command_is_met_with_near_ones(capsys: Capture) -> None:
    assert main(["pluggins"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("Error: there is no command named 'pluggins'. Did you mean 'plugins'")


@pytest.mark.parametrize(
    ("error", "code", "word"), [(OptionError("no such."), 2, "option"), (DataError("torn."), 1, "data")]
)
def test_an_error_is_a_sentence_on_stderr_or_json_where_that_was_asked(
    calls: Callable[..., None], capsys: Capture, error: Exception, code: int, word: str
) -> None:
    calls(raising(error))
    assert main(["doctor"]) == code
    assert capsys.readouterr() == ("", f"Error: {error}\n")
    assert main(["doctor", "--json"]) == code
    assert json.loads(capsys.readouterr().err) == {"error": {"code": word, "message": str(error)}}


def test_what_the_system_refuses_is_a_sentence(calls: Callable[..., None], capsys: Capture) -> None:
    calls(raising(PermissionError(13, "Permission denied", "/etc/models")))
    assert main(["doctor"]) == 1
    assert capsys.readouterr().err.startswith("Error: the system refused /etc/models: Permission denied. Check that")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a device that is always full")
def test_output_that_cannot_be_written_is_a_sentence() -> None:
    code = "import sys; from genwright.cli import main; sys.exit(main(['plugins', 'list']))"
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: the system refused to write: No space left on device.")
    assert done.stderr.count("\n") == 1


def test_a_wrong_option_is_a_usage_error_also_as_json(capsys: Capture) -> None:
    assert main(["plugins", "list", "--jsn"]) == 2
    assert "No such option" in capsys.readouterr().err
    assert main(["plugins", "list", "--jsn", "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["error"]["code"] == "usage"


def test_an_interrupt_exits_with_130(calls: Callable[..., None], capsys: Capture) -> None:
    calls(raising(KeyboardInterrupt()))
    assert main(["doctor"]) == 130
    assert "Interrupted." in capsys.readouterr().err


def test_a_number_that_a_command_returns_is_its_exit_code(calls: Callable[..., None]) -> None:
    calls(lambda: 1)
    assert main(["doctor"]) == 1
    calls(lambda: None)
    assert main(["doctor"]) == 0


def test_a_warning_is_a_sentence_on_stderr(calls: Callable[..., None], capsys: Capture) -> None:
    calls(lambda: warnings.warn("line 4 was passed over", stacklevel=1))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["doctor"]) == 0
    assert capsys.readouterr().err == "Warning: line 4 was passed over\n"


def test_output_that_nobody_reads_to_its_end_is_no_failure() -> None:
    code = "import sys; from genwright.cli import main; sys.exit(main(['plugins', 'list', '--json']))"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 0


def test_a_command_of_a_plugin_is_imported_when_it_is_called(install: Install, capsys: Capture) -> None:
    install(
        "hello",
        """
        import sys
        from genwright.hooks import hookimpl
        from genwright.specs import CommandSpec
        @hookimpl
        def register_commands():
            yield CommandSpec(name="hello", target="genwright_hello_plugin:make", summary="Say hello.")
        def __getattr__(name):
            if name != "make":
                raise AttributeError(name)
            import click
            return click.Command("hello", callback=lambda: click.echo("hello to you"))
        """,
    )
    assert main(["--help"]) == 0
    assert "hello     Say hello." in capsys.readouterr().out
    assert main(["hello"]) == 0
    assert capsys.readouterr().out == "hello to you\n"


def test_a_plugin_adds_a_command_to_a_group_of_core(install: Install, capsys: Capture) -> None:
    install(
        "seal",
        """
        import click
        from genwright.hooks import hookimpl
        from genwright.specs import CommandSpec
        @hookimpl
        def register_commands():
            yield CommandSpec(name="audit seal", target="genwright_seal_plugin:seal", summary="Seal the store.")
        @click.command()
        def seal():
            click.echo("sealed")
        """,
    )
    assert main(["audit", "--help"]) == 0
    out = capsys.readouterr().out
    assert "verify" in out
    assert re.search(r"seal +Seal the store\.", out)
    assert main(["audit", "seal"]) == 0
    assert capsys.readouterr().out == "sealed\n"
    assert main(["--help"]) == 0
    assert "seal" not in capsys.readouterr().out
    assert main(["audit", "saw"]) == 2
    assert "No such command 'saw'" in capsys.readouterr().err


def test_a_table_has_aligned_columns(capsys: Capture) -> None:
    print_table(("name", "count"), [("a", 10), ("longer", 2)])
    assert capsys.readouterr().out == "NAME    COUNT\na       10\nlonger  2\n"


def test_an_empty_table_prints_nothing(capsys: Capture) -> None:
    print_table(("name", "count"), [])
    assert capsys.readouterr().out == ""


def test_data_are_printed_as_json_or_as_lines(capsys: Capture) -> None:
    print_data({"keys": ["a", "b"]}, ["a", "b"], False)
    assert capsys.readouterr() == ("a\nb\n", "")
    print_data({"keys": []}, [], False)
    assert capsys.readouterr() == ("", "")
    print_data({"keys": ["a", "b"]}, ["a", "b"], True)
    assert json.loads(capsys.readouterr().out) == {"keys": ["a", "b"]}


@pytest.mark.parametrize(("as_json", "out"), [(False, ""), (True, '{\n  "rows": 3\n}\n')])
def test_what_was_done_is_said_apart_from_the_data(capsys: Capture, as_json: bool, out: str) -> None:
    tell("Indexed three rows.", as_json, rows=3)
    assert capsys.readouterr() == (out, "Indexed three rows.\n")


def test_json_keeps_letters_of_any_script(capsys: Capture) -> None:
    print_json({"name": "ключ"})
    assert capsys.readouterr().out == '{\n  "name": "ключ"\n}\n'
