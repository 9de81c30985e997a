from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from genwright.errors import DataError
from genwright.tally import Tally, Unreadable


def test_what_was_passed_over_is_named_and_counted_in_one_warning() -> None:
    tally = Tally(path=Path("photos"), strict=False, read=10_000, of="image")
    for place in range(5):
        tally.refuse(f"{place}.png", "It is damaged.")
    with pytest.warns(Unreadable) as found:
        tally.close()
    assert [str(warning.message) for warning in found] == [
        "photos: read 10,000 images and passed over 5. 0.png: It is damaged. 1.png: It is damaged. "
        "2.png: It is damaged. And 2 more."
    ]


def test_nothing_passed_over_is_not_warned_of() -> None:
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        Tally(path=Path("photos"), strict=False, read=1, of="image").close()
    assert found == []


def test_nothing_read_is_an_error_that_says_why() -> None:
    tally = Tally(path=Path("photos"), strict=False, of="image")
    tally.refuse("a.png", "It is damaged.")
    with pytest.raises(DataError, match=r"photos holds no image that can be read. a.png: It is damaged."):
        tally.close()


def test_strict_raises_for_the_first() -> None:
    with pytest.raises(DataError, match=r"photos, a.png: It is damaged. Mend or remove it, or read without strict."):
        Tally(path=Path("photos"), strict=True, of="image").refuse("a.png", "It is damaged.")
