from __future__ import annotations

import pytest

from genwright.errors import OptionError
from genwright_molecules.reviewers import StructuralAlerts

QUINONE = "O=C1C=CC(=O)C=C1"


def test_alerts_are_named_with_their_sets() -> None:
    review = StructuralAlerts(nih=True)([QUINONE])[0]
    assert not review.passed
    assert review.reason == "quinone_A(370) (PAINS_A), chinone_1 (Brenk), bis_keto_olefin (NIH), para_quinone (NIH)"


def test_only_the_sets_that_are_on_are_asked() -> None:
    assert StructuralAlerts(brenk=False)([QUINONE])[0].reason == "quinone_A(370) (PAINS_A)"
    assert StructuralAlerts(pains=False)([QUINONE])[0].reason == "chinone_1 (Brenk)"


def test_each_item_has_its_review_in_order() -> None:
    reviews = StructuralAlerts()(["CCO", QUINONE, "CCN"])
    assert [review.passed for review in reviews] == [True, False, True]
    assert {review.reviewer for review in reviews} == {"alerts"}
    assert reviews[0].reason == ""


def test_an_invalid_molecule_does_not_pass() -> None:
    review = StructuralAlerts()(["C("])[0]
    assert not review.passed
    assert review.reason == "Character 2: 1 branch has not been closed."


def test_no_set_is_refused() -> None:
    with pytest.raises(OptionError, match=r"needs one of pains, brenk and nih; got none. Turn one on"):
        StructuralAlerts(pains=False, brenk=False)
