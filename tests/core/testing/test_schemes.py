from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from genwright.errors import StoreError
from genwright.memory import MemoryStore
from genwright.store import Record, Store
from genwright.testing.schemes import check_store
from genwright.testing.stores import StoreTests


def troubles(target: Callable[[str], Store]) -> dict[str, str]:
    return {check.name: check.trouble for check in check_store(target, scheme="mine") if check.trouble}


def test_every_test_of_stores_is_a_fact_that_a_sound_store_keeps() -> None:
    found = list(check_store(MemoryStore, scheme="memory", of="store memory"))
    assert [check for check in found if check.trouble or check.skipped] == []
    assert len(found) == sum(name.startswith("test_") for name in vars(StoreTests))
    assert "store memory: other bytes under the same index are a conflict" in [check.name for check in found]


class Broken:
    """A store in memory with one thing wrong."""

    def __init__(self, how: str) -> None:
        self.how, self.inner = how, MemoryStore()

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def put_samples(self, records: Sequence[Record]) -> None:
        if self.how == "conflict" and records and records[0].run in self.inner._samples:
            records = [one for one in records if one.index not in self.inner._samples[one.run]]
        if self.how == "error" and any(record.reviews for record in records):
            raise NotImplementedError("no reviews")
        self.inner.put_samples(records[:1] if self.how == "loss" else records)


@pytest.mark.parametrize(
    ("how", "fact", "trouble"),
    [
        (
            "loss",
            "more samples than fit in a page all come",
            "this does not hold: assert [record.index for record in store.samples()] == list(range(2500))",
        ),
        # Of the last of the differences that its marks name.
        ("conflict", "any difference is a conflict", "DID NOT RAISE"),
        ("error", "samples come back as they were put", "it raised NotImplementedError: no reviews"),
    ],
)
def test_a_store_that_breaks_a_fact_is_told_the_line_that_does_not_hold(how: str, fact: str, trouble: str) -> None:
    assert trouble in troubles(lambda url: Broken(how))[fact]  # type: ignore[arg-type, return-value]


def test_each_store_is_at_a_place_of_its_own_that_is_gone_afterwards() -> None:
    places: list[str] = []

    def opened(url: str) -> Store:
        places.append(url)
        return MemoryStore(url)

    assert troubles(opened) == {}
    assert len(set(places)) == len(places) > len(vars(StoreTests)) // 2
    folders = {Path(place.removeprefix("mine:///")).parent for place in places}
    assert [folder.exists() for folder in folders] == [False]


def test_a_store_that_opens_at_no_path_is_not_checked_and_says_so() -> None:
    def opened(url: str) -> Store:
        raise StoreError("a host is wanted; got none. Name one.")

    (check,) = check_store(opened, scheme="mine", of="store mine")
    assert (check.name, check.trouble) == ("store mine: it keeps its contract", None)
    assert check.skipped is not None
    assert check.skipped.startswith("mine:///PATH does not open: a host is wanted; got none. Name one")
    assert check.skipped.endswith("Inherit genwright.testing.stores.StoreTests in a test")
