from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from genwright.cli.parameters import PAIR, conditions, public_keys
from genwright.errors import ConditionError, ProofError, UsageError
from genwright.testing.toys import Rounds


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


def test_public_keys_are_given_as_they_are_or_in_files_of_one_a_line(tmp_path: Path) -> None:
    file = tmp_path / "a+b.pub"
    file.write_text("one+0+x\n\n  \ntwo+0+y\n")
    assert public_keys([]) == []
    assert public_keys(["three+0+z", str(file)]) == ["three+0+z", "one+0+x", "two+0+y"]


def test_what_is_neither_a_key_nor_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"a public key is name\+id\+base64, or a file .*; got .*keys.pub'?, which is no"
    ):
        public_keys([str(tmp_path / "keys.pub")])


def test_a_file_of_keys_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.pub").write_bytes(b"\xff\xfe")
    with pytest.raises(ProofError, match=r"keys.pub should be text; it is not. Ask for it again."):
        public_keys([str(tmp_path / "keys.pub")])


@pytest.mark.parametrize("text", ["1,2.5,0", "1, 2.5, 0", " 1 2.5\t0 ", "1,2.5,0,", "@{file}"])
def test_numbers_of_a_contour_stand_between_commas_or_in_a_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "heights.csv").write_text("1\n2.5,\n0\n")
    pair = ("heights", text.format(file=tmp_path / "heights.csv"))
    assert conditions([("letters", "3"), pair], Rounds()) == {"letters": 3.0, "heights": [1.0, 2.5, 0.0]}


@pytest.mark.parametrize("content", ["\ufeff-20\n-15\n", "-20\n-15\n\t", "\r\n-20,\r\n-15,\r\n \r\n"])
def test_what_spreadsheets_write_around_numbers_is_none(content: str, tmp_path: Path) -> None:
    (tmp_path / "heights.csv").write_bytes(content.encode())
    assert conditions([("heights", f"@{tmp_path / 'heights.csv'}")], Rounds()) == {"heights": [-20.0, -15.0]}


def test_what_is_no_number_is_left_to_the_model_to_refuse() -> None:
    assert conditions([("heights", "1,high"), ("letters", "@3")], Rounds()) == {
        "heights": [1.0, "high"],
        "letters": "@3",
    }
    with pytest.raises(ConditionError, match=r"condition 'heights\[1\]' takes a number; got 'high'"):
        Rounds.conditions["heights"].check("heights", [1.0, "high"])


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_of_numbers_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "heights.csv").write_bytes(content)
    with pytest.raises(UsageError, match=r"numbers are read from a text file; .*heights.csv' cannot be: .* name=1,2,3"):
        conditions([("heights", f"@{tmp_path / 'heights.csv'}")], Rounds())
