from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genwright.domain import Contour, Difference
from genwright.testing.domains import check_domain

ITEMS = ["x..x..x.", "x.xx.xx.", "xx"]


@pytest.fixture
def domain(rhythms: Path) -> Any:
    import genwright_rhythms.domain

    return genwright_rhythms.domain.RhythmsDomain()


def troubles(domain: object, items: Sequence[str] = ITEMS) -> dict[str, str]:
    return {check.name: check.trouble for check in check_domain(domain, items, ending=".txt") if check.trouble}  # type: ignore[arg-type]


def test_a_good_domain_passes(domain: Any) -> None:
    found = list(check_domain(domain, ITEMS, ending=".txt", of="domain rhythms"))
    assert [check for check in found if check.trouble] == []
    assert len(found) == 12
    assert all(check.name.startswith("domain rhythms: ") for check in found)


def test_without_an_ending_files_are_not_checked(domain: Any) -> None:
    assert len(list(check_domain(domain, ITEMS))) == 11


def rendered(items: Sequence[str], path: Path, *, legends: Sequence[str] = ()) -> None:
    path.touch()


def differing(size: int, *, close: bool) -> Difference:
    return Difference(size=size, unit="beats", where="", close=close)


def written(items: Iterable[str], path: Path) -> None:
    path.write_text("xx\n")


def read(path: Path, *, strict: bool = False) -> Iterator[str]:
    yield "xx"


@pytest.mark.parametrize(
    ("method", "broken", "trouble"),
    [
        ("name", 3, "its name is text; got 3"),
        ("conditions", {"mood": "sad"}, "condition 'mood' is Scalar, Label, Prefix, Text or Contour; got 'sad'"),
        ("check", lambda item: "Too loud.", "should be valid; check says 'Too loud.'"),
        ("check", lambda item: 1 / 0, "it raised ZeroDivisionError: division by zero"),
        ("to_bytes", lambda item: item, "to_bytes gives bytes; got str"),
        ("from_bytes", lambda data: "xx", "'x..x..x.' comes back from its bytes as 'xx'"),
        ("canonical", lambda item: item + "x", "is itself spelled"),
        ("identity", lambda item: 7, "identity is text or None; got 7"),
        ("measure", lambda items, names: np.zeros((1, 1)), "measure gives (1, 1) for 3 items"),
        ("measure", lambda items, names: np.zeros((len(items), 1), np.float32), "measure gives float64; got float32"),
        ("measure", lambda items, names: np.full((len(items), 1), len(items) * 1.0), "measures otherwise alone"),
        (
            "difference",
            lambda ours, theirs: differing(1, close=True),
            "differs from itself: largest difference 1 beats",
        ),
        ("difference", lambda ours, theirs: differing(len(ours), close=ours > theirs), "differs from"),
        ("fingerprints", lambda items: {"a": [b"x"]}, "3 items have 1 fingerprints of the kind 'a'"),
        ("fingerprints", lambda items: {"a": [b"x", b"xy", None]}, "of the kind 'a' have lengths of [1, 2] bytes"),
        ("fingerprints", lambda items: {"a": [bytes([len(items)])] * len(items)}, "has another fingerprint 'a' alone"),
        ("render", rendered, "render wrote nothing to a .svg file"),
        ("write", written, "3 items were written, 1 read"),
        ("read", read, "read gives items of a file that does not exist"),
    ],
)
def test_a_domain_that_breaks_the_contract_is_told_how(domain: Any, method: str, broken: object, trouble: str) -> None:
    setattr(domain, method, broken)
    assert any(trouble in found for found in troubles(domain).values()), troubles(domain)


@pytest.mark.parametrize(
    ("broken", "trouble"),
    [
        (lambda items, name: [], "trace gives 0 contours 'beats' for 3 items"),
        (lambda items, name: [[1.0]] * len(items), "trace gives finite float64 [N] or None; of 'beats' of 'x..x..x.'"),
        (lambda items, name: [np.zeros((1, 2))] * len(items), "of 'x..x..x.' it gives array([[0., 0.]])"),
        (lambda items, name: [np.array([np.nan])] * len(items), "of 'x..x..x.' it gives array([nan])"),
        (lambda items, name: [np.zeros(len(items))] * len(items), "'x..x..x.' has another 'beats' alone than in"),
        (lambda items, name: [None if len(items) == 1 else np.zeros(1)] * len(items), "'x..x..x.' has another 'beats'"),
    ],
)
def test_a_domain_whose_contours_are_none_is_told_how(domain: Any, broken: object, trouble: str) -> None:
    domain.conditions = {"beats": Contour(summary="", low=0, high=1, rate=1, longest=9)}
    domain.trace = lambda items, name: [np.array([letter == "x" for letter in item], dtype=float) for item in items]
    assert troubles(domain) == {}
    domain.trace = broken
    assert any(trouble in found for found in troubles(domain).values()), troubles(domain)


def test_a_domain_that_draws_nothing_is_told(domain: Any) -> None:
    domain.pictures = ()
    assert "items are drawn to .svg or .png; got ()" in troubles(domain).values()


def test_a_domain_that_does_not_draw_what_it_says_is_told(domain: Any) -> None:
    domain.pictures = (".svg", ".png")
    assert any("rhythms are drawn as .svg" in str(trouble) for trouble in troubles(domain).values())


def test_without_items_nothing_can_be_checked(domain: Any) -> None:
    assert "there is no item to check with" in troubles(domain, []).values()


def test_the_kit_is_found_without_the_example_installed() -> None:
    assert "genwright_rhythms" not in sys.modules
