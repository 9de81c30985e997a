import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genwright.errors import PluginError
from genwright.likeness import (
    covers,
    distances,
    fingerprint_matrix,
    fingerprints_of,
    is_in,
    is_near,
    item_of,
    value_of,
)
from genwright.query import Like
from genwright.specs import Measure
from genwright.testing.toys import Rounds


def like(bits: bytes, measure: Measure = "tanimoto", bound: float = 0.5) -> Like:
    return Like(domain="rounds", kind="letters", measure=measure, bits=bits, bound=bound)


def ones(bits: bytes) -> set[int]:
    return {place for place in range(8 * len(bits)) if bits[place // 8] >> place % 8 & 1}


@pytest.mark.parametrize("length", [1, 3, 8, 256])
@pytest.mark.parametrize("is_old", [False, True])
@given(data=st.data())
def test_distances_are_those_of_sets(data: st.DataObject, length: int, is_old: bool) -> None:
    """With numpy 1.26, which counts no bits, as well."""
    kept = st.binary(min_size=length, max_size=length)
    wanted, others = data.draw(kept), data.draw(st.lists(kept, max_size=4))
    with pytest.MonkeyPatch.context() as patch:
        if is_old:
            patch.delattr(np, "bitwise_count")
        rows = fingerprint_matrix(others)
        similar = [value_of(like(wanted), found) for found in distances(like(wanted), rows)]
        differing = [value_of(like(wanted, "hamming"), found) for found in distances(like(wanted, "hamming"), rows)]
    a = ones(wanted)
    assert similar == [len(a & b) / len(a | b) if a | b else 1.0 for b in map(ones, others)]
    assert differing == [len(a ^ b) for b in map(ones, others)]
    assert covers(wanted, rows).tolist() == [a <= b for b in map(ones, others)]


def test_what_is_at_the_bound_is_near() -> None:
    rows = fingerprint_matrix([b"\x0f", b"\x03", b"\x01", b"\xf0"])
    assert is_near(like(b"\x0f"), distances(like(b"\x0f"), rows)).tolist() == [True, True, False, False]
    asked = like(b"\x0f", "hamming", 2.0)
    assert is_near(asked, distances(asked, rows)).tolist() == [True, True, False, False]


def test_fingerprints_of_another_length_are_near_to_nothing() -> None:
    rows = fingerprint_matrix([b"\x0f\x0f"])
    assert not is_near(like(b"\x0f"), distances(like(b"\x0f"), rows)).any()
    assert not covers(b"\x0f", rows).any()


def test_fingerprints_of_several_lengths_are_refused() -> None:
    with pytest.raises(PluginError, match=r"of a kind are of one length; got some of 1 and some of 2 bytes. Tell the"):
        fingerprint_matrix([b"a", b"ab"])


class Lettered(Rounds):
    """Rounds that are alike in their letters."""

    def fingerprints(self, items: list[str]) -> dict[str, list[bytes | None]]:  # type: ignore[override]
        return {"letters": [None if item == "d" else bytes([len(item)]) for item in items]}


def test_what_is_no_item_has_no_fingerprint() -> None:
    assert fingerprints_of(Lettered(), [b"ab", b"\xff", b"d", b"abc"]) == {"letters": [b"\2", None, None, b"\3"]}
    assert item_of(Lettered(), b"\xff") is None
    assert not is_in(Lettered(), lambda item: True, b"\xff")
    assert is_in(Lettered(), lambda item: item == "ab", b"ab")


def test_large_payloads_are_read_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genwright.likeness._TOGETHER", 4)
    together: list[int] = []

    class Counting(Lettered):
        def fingerprints(self, items: list[str]) -> dict[str, list[bytes | None]]:  # type: ignore[override]
            together.append(len(items))
            return super().fingerprints(items)

    found = fingerprints_of(Counting(), [b"ab", b"abc", b"abcdabcd", b"a", b"\xff", b"ab", b"d"])
    assert found == {"letters": [b"\2", b"\3", b"\x08", b"\1", None, b"\2", None]}
    assert together == [1, 1, 1, 2, 1]
