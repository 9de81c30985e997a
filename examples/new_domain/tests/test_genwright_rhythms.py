"""The domain and its encoder keep the contract, and a few facts of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from genwright.errors import ConditionError, DataError
from genwright.testing.domains import check_domain
from genwright.testing.encoders import check_encoder
from genwright_rhythms.domain import RhythmsDomain, read
from genwright_rhythms.encoder import Pulses

TRESILLO, CINQUILLO = "x..x..x.", "x.xx.xx."
ITEMS = [TRESILLO, CINQUILLO, "x..x..x...x.x...", "xx", "x"]


def test_the_domain_keeps_the_contract() -> None:
    assert [check for check in check_domain(RhythmsDomain(), ITEMS, ending=".txt") if check.trouble] == []


@pytest.mark.parametrize("rotate", [True, False])
def test_the_encoder_keeps_the_contract(rotate: bool) -> None:
    checks = check_encoder(Pulses(rotate=rotate), ITEMS, domain=RhythmsDomain())
    assert [check for check in checks if check.trouble] == []


def test_a_rhythm_is_the_same_wherever_it_begins() -> None:
    assert RhythmsDomain().canonical("..x.x..x") == RhythmsDomain().canonical(TRESILLO)
    assert RhythmsDomain().canonical(TRESILLO) != RhythmsDomain().canonical(CINQUILLO)


@pytest.mark.parametrize(
    ("item", "flaw"), [("....", "It has no stroke."), ("x" * 17, "It has 17 pulses"), ("x-x", "It holds '-'")]
)
def test_a_flaw_is_told(item: str, flaw: str) -> None:
    assert str(RhythmsDomain().check(item)).startswith(flaw)
    with pytest.raises(DataError, match="has no tokens"):
        Pulses().encode([item])


def test_lines_that_are_no_rhythm_are_named_and_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text(f"# two of them\n{TRESILLO}\n\nhello\n")
    with pytest.warns(UserWarning, match=r"line 4 was passed over: It holds 'e'"):
        assert list(read(file)) == [TRESILLO]
    with pytest.raises(DataError, match="line 4: It holds"):
        list(read(file, strict=True))


def test_a_file_without_rhythms_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "empty.txt"
    file.write_text("# none\n")
    with pytest.raises(DataError, match="should hold rhythms, one a line"):
        list(read(file))


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"written as \.txt; got a\.csv"):
        RhythmsDomain().write(ITEMS, tmp_path / "a.csv")
    with pytest.raises(DataError, match=r"drawn as \.svg; got a\.png"):
        RhythmsDomain().render(ITEMS, tmp_path / "a.png")


def test_a_start_that_no_rhythm_has_is_refused() -> None:
    with pytest.raises(ConditionError, match=r"starts with up to 16 pulses, each 'x' or '\.'; got 'ab'"):
        Pulses().prefix("ab")
