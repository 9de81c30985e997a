from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright.domain import Pattern
from genwright.errors import OptionError, UnknownName, UsageError
from genwright.memory import MemoryStore
from genwright.registry import Plugin, Registry
from genwright.searches import containing, near_picture, similar_to
from genwright.specs import DomainSpec, Measure, Spec
from genwright.store import Score
from genwright.testing.stores import make_record, make_run
from genwright.testing.toys import Rounds


class Lettered(Rounds):
    """Rounds, alike if they have the same letters; a round contains another as a part of its text."""

    def fingerprints(self, items: Sequence[str]) -> Mapping[str, Sequence[bytes | None]]:
        bits = [bytes([sum({"a": 1, "b": 2, "c": 4, "d": 8}.get(letter, 0) for letter in set(item))]) for item in items]
        return {kind: [None if self.check(i) else b for i, b in zip(items, bits, strict=True)] for kind in KINDS}

    def pattern(self, text: str) -> Pattern[str]:
        bits = self.fingerprints([text])["parts"][0]
        if bits is None:
            return super().pattern(text)
        return Pattern(kind="parts", bits=bits, is_in=lambda item: text in item)


KINDS: Mapping[str, Measure] = {"letters": "tanimoto", "parts": "subset", "places": "hamming"}


def spec(name: str, fingerprints: Mapping[str, Measure] = KINDS) -> DomainSpec:
    target = f"{__name__}:Lettered"
    return DomainSpec(
        name=name, target=target, summary="", encoder="x", media_type="text/plain", fingerprints=fingerprints
    )


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install some domains and nothing else."""

    def install(*specs: Spec) -> None:
        registry = Registry([Plugin(name="toy", distribution="toy", version="1", specs=specs)], {})
        for module in ("searches", "scan"):
            monkeypatch.setattr(f"genwright.{module}.registry", lambda: registry)

    return install


@pytest.fixture
def store(use: Any) -> Iterator[MemoryStore]:
    use(spec("rounds"))
    store = MemoryStore()
    run = make_run(domain="rounds")
    store.put_run(run)
    texts = ("a", "ab", "abc", "bcda", "no", "cd")
    for index, text in enumerate(texts):
        store.put_samples([make_record(run, index, payload=text.encode(), canonical=text, media_type="text/plain")])
    store.put_scores(run.id, [Score(metric="qed", value=index / 10, index=index) for index in range(6)])
    return store


def indices(hits: list[Any]) -> list[int]:
    return [hit.record.index for hit in hits]


def test_what_is_similar_comes_by_its_similarity(store: MemoryStore) -> None:
    hits = gw.search(similar="ab", at_least=0.3, store=store)
    assert [(hit.record.index, hit.value) for hit in hits] == [(1, 1.0), (2, 2 / 3), (3, 0.5), (0, 0.5)]
    assert indices(gw.search(similar="ab", at_least=0.3, after=hits[1].cursor, store=store)) == [3, 0]
    assert indices(gw.search(similar="ab", at_least=0.3, scores={"qed": (0.2, 1.0)}, store=store)) == [2, 3]
    assert indices(gw.search(similar="ab", at_least=0.3, limit=2, match="abc", store=store)) == [2]


def test_what_looks_alike_comes_by_what_differs(store: MemoryStore, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("ab\nabc\n")
    for near in (path, str(path)):
        hits = gw.search(near=near, within=1, store=store)
        assert [(hit.record.index, hit.value) for hit in hits] == [(1, 0.0), (2, 1.0), (0, 1.0)]
    assert indices(gw.search(near=path, within=0, store=store)) == [1]


def test_what_contains_a_part_comes_newest_first(store: MemoryStore) -> None:
    assert indices(gw.search(substructure="bc", store=store)) == [3, 2]
    assert indices(gw.search(substructure="bc", similar="abcd", at_least=0.1, store=store)) == [3, 2]
    assert indices(gw.search(substructure="bc", domain="rounds", text="ab", store=store)) == [2]


def test_a_search_gives_twenty_unless_it_is_told_otherwise(store: MemoryStore) -> None:
    run = make_run(domain="rounds")
    store.put_run(run)
    store.put_samples([make_record(run, index) for index in range(30)])
    assert len(gw.search(run=run.id, store=store)) == 20
    assert len(gw.search(run=run.id, store=store, limit=None)) == 30
    with pytest.raises(OptionError, match="limit"):
        gw.search("x", limit=0, store=store)


def test_a_part_that_describes_nothing_is_refused(store: MemoryStore) -> None:
    with pytest.raises(UsageError, match=r"rounds have no parts that can be asked for; got 'zz'. Search without it"):
        containing("zz")


def test_an_item_without_a_fingerprint_is_refused(store: MemoryStore) -> None:
    with pytest.raises(UsageError, match=r"an item of rounds that has a fingerprint; got 'bb'. 'bb' is no round"):
        similar_to("bb", at_least=0.5)


@pytest.mark.parametrize("bound", [-0.1, 1.1, float("nan")])
def test_a_similarity_is_from_0_to_1(store: MemoryStore, bound: float) -> None:
    with pytest.raises(OptionError, match=r"a similarity is a number from 0 to 1; got .* The same item has 1"):
        similar_to("ab", at_least=bound)


@pytest.mark.parametrize("within", [-1, True, 2.5])
def test_how_many_bits_may_differ_is_a_count(store: MemoryStore, within: Any) -> None:
    with pytest.raises(OptionError, match=r"how many bits may differ is a whole number from 0; got .* Try 8 of the 64"):
        near_picture("x", within=within)


def test_an_item_and_a_picture_are_not_asked_for_at_once(store: MemoryStore) -> None:
    with pytest.raises(UsageError, match=r"by similarity to an item or to a picture; got both. Leave one of them out"):
        gw.search(similar="ab", near="ab", store=store)


def test_without_the_plugin_a_search_says_which_it_needs(use: Any) -> None:
    use()
    for call, way, plugin in (
        (lambda: similar_to("C", at_least=0.5), "similarity to an item", "genwright-molecules"),
        (lambda: near_picture("x.png", within=8), "likeness to a picture", "genwright-images"),
        (lambda: containing("C"), "a substructure", "genwright-molecules"),
    ):
        with pytest.raises(
            UsageError, match=rf"{way} needs a plugin of .*; none is installed. Install one, .*{plugin}"
        ):
            call()
    with pytest.raises(UnknownName, match="there is no domain named 'molecules'"):
        similar_to("C", at_least=0.5, domain="molecules")


def test_of_several_domains_one_is_named(use: Any) -> None:
    use(spec("rounds"), spec("squares"), spec("plain", {}))
    with pytest.raises(UsageError, match=r"similarity to an item needs .*; rounds, squares do. Name one as the domain"):
        similar_to("ab", at_least=0.5)
    assert similar_to("ab", at_least=0.5, domain="squares").domain == "squares"
    with pytest.raises(UsageError, match=r"is asked of a domain whose items have it; plain have not. Leave it out"):
        similar_to("ab", at_least=0.5, domain="plain")
