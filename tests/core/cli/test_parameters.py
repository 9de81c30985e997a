from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from genwright.cli.parameters import PAIR


@click.command()
@click.option("-o", type=PAIR, multiple=True)
def echo(o: tuple[tuple[str, str], ...]) -> None:
    click.echo(repr(o))


@pytest.mark.parametrize(
    ("text", "pair"),
    [("p=0.9", ("p", "0.9")), (" p = 0.9 ", ("p", "0.9")), ("prefix=C=O", ("prefix", "C=O")), ("name=", ("name", ""))],
)
def test_a_pair_is_split_at_its_first_equals_sign(text: str, pair: tuple[str, str]) -> None:
    assert CliRunner().invoke(echo, ["-o", text]).stdout == f"{(pair,)!r}\n"


@pytest.mark.parametrize("text", ["p", "=0.9", ""])
def test_what_is_no_pair_is_refused(text: str) -> None:
    result = CliRunner().invoke(echo, ["-o", text])
    assert result.exit_code == 2
    assert f"it is written name=value, such as temperature=0.8; got {text!r}." in result.stderr
