from __future__ import annotations

import pytest

from genwright.errors import ConditionError, DataError
from genwright.testing.check import Check
from genwright.testing.domains import check_domain
from genwright.testing.encoders import check_encoder
from genwright.testing.toys import ENTROPY, ROUNDS, Letters, Rounds, soundness, variety

CHECKS = [
    *check_domain(Rounds(), ROUNDS, ending=".txt"),
    *check_encoder(Letters(), ROUNDS, domain=Rounds()),
    *check_encoder(Letters(shouted=True), ROUNDS, domain=Rounds(), of="shouted"),
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_toys_keep_the_contract(check: Check) -> None:
    assert check.trouble is None


def test_there_are_32_rounds() -> None:
    assert len(set(ROUNDS)) == 32
    assert pytest.approx(3.4657359) == ENTROPY


def test_what_is_no_round_is_said_to_be_none() -> None:
    assert Rounds().check("ba") == "'ba' is no round."
    assert Rounds().check("") == "'' is no round."


def test_the_heights_of_a_round_are_those_of_its_letters() -> None:
    found = Rounds().trace(["cDa", "b"], "heights")
    assert [None if one is None else one.tolist() for one in found] == [[2, 3, 0], [1]]
    assert Letters().pace == 2.0


def test_metrics_of_rounds_are_shares() -> None:
    assert soundness(["ab", "ba", "c", "dd"], None).value == 0.5
    found = variety(["ab", "ab"], ["ab", "bc"])
    assert found is not None
    assert found.value == 0.5
    assert variety(["ab"], None) is None


def test_letters_that_are_not_known_are_refused() -> None:
    encoder = Letters(length=3)
    encoder.fit(["ab"])
    with pytest.raises(DataError, match="'abab' has more than 3 letters, or others than ab"):
        encoder.encode(["abab"])
    with pytest.raises(ConditionError, match="a round starts with up to 3 letters of ab; got 'x'"):
        encoder.prefix("x")
