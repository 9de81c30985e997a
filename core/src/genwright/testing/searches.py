"""What every store promises of searching, as tests to inherit; `StoreTests` has them."""

# The name of a test says what it holds.
# ruff: noqa: D102

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from genwright.errors import UnknownName, UsageError
from genwright.query import Hit, Query
from genwright.run import Run
from genwright.store import Record, Score, Store

__all__ = ["HOSTILE", "SearchTests", "found"]

_SQL = (
    *("' OR '1'='1", "'; DROP TABLE sample; --", '" OR ""="', "1; SELECT pg_sleep(5)", "') UNION SELECT 1,2,3 --"),
    *(
        "admin'--",
        "/*",
        "*/",
        "--",
        "#",
        ";",
        "\\",
        "\\'",
        "%",
        "_",
        "%%",
        "%27",
        "0x27",
        "char(39)",
        "CAST(1 AS TEXT)",
    ),
    *("' AND 1=CONVERT(int,@@version)--", "' WAITFOR DELAY '0:0:5'--", "xp_cmdshell", "$1", "?", ":name", "%s", "{0}"),
    *("load_extension('x')", "ATTACH DATABASE 'x' AS y", "PRAGMA writable_schema=1", "1e309", "NaN", "null", "NULL"),
)
_FTS = (
    *('"', '""', '"a', 'a"', '"a" "b', "a AND b", "AND", "OR", "NOT", "a NOT b", "NEAR(a b, 5)", "NEAR(", "a NEAR b"),
    *("word_index : a", "words:a", "{words} : a", "- words : a", "a*", "*", "^a", "^", "a + b", "+", "(", ")", "((a)"),
    *("a:b", ":", "&", "|", "!", "a & b", "a | b", "!a", "a <-> b", "'a':*", "a:*B", "<1>", "rank", "bm25(a)", "\\:"),
)
_LETTERS = (
    *(
        "ẞtraße",
        "İstanbul",
        "ﬁn",
        "e\u0301t\u0301e",
        "\u202eevil\u202c",
        "\u2066x\u2069",
        "\u200b",
        "\ufeffbom",
        "\ufffd",
    ),
    *(
        "हिन्दी",
        "日本語",
        "한국어",
        "👩‍👩‍👧",
        "\U0010ffff",
        "a\u0300" * 50,
        "\x01\x02",
        "\x7f",
        "\t",
        "\r\n",
        " ",
        "  a  ",
    ),
)
_AROUND = ("{}", "a{}", "{}a", "({})", '"{}"', "x {} y", "{0}{0}")

HOSTILE = tuple(dict.fromkeys(form.format(text) for text in (*_SQL, *_FTS, *_LETTERS) for form in _AROUND))
"""Texts that mean something to a database, a full-text index or a reader, and are to be texts like any other."""


def found(store: Store, limit: int | None = None, **asked: Any) -> list[int]:
    """Return the indices of what a store finds."""
    return [hit.record.index for hit in islice(store.search(Query(**asked)), limit)]


class SearchTests:
    """The contract of `genwright.store.Store.search`."""

    def test_a_part_of_a_text_is_found_letter_by_letter_the_newest_first(
        self, store: Store, run: Run, records: list[Record]
    ) -> None:
        store.put_samples(records)
        assert found(store, text="c1cc") == [1, 0]
        assert found(store, text="ün c") == [1]
        assert found(store, text="C1CCCCC1") == [3]
        assert found(store, text="c1_c") == []
        assert found(store, text="%") == [0]
        assert found(store, text="") == [6, 5, 4, 3, 1, 0]

    def test_words_are_found_wherever_they_stand_without_case_and_accents(
        self, store: Store, run: Run, records: list[Record]
    ) -> None:
        store.put_samples(records)
        assert found(store, match="GRUN") == [1]
        assert found(store, match="ratsel ein") == [4]
        assert found(store, match="ein gruen") == []
        assert found(store, match="strasse") == [6, 5]
        assert found(store, match="hidden") == []
        assert found(store, match="temperature 0 9") == [5]

    def test_all_that_is_asked_has_to_fit(self, store: Store, run: Run, records: list[Record]) -> None:
        store.put_samples(records)
        assert found(store, match="strasse", valid=False) == [6]
        assert found(store, match="strasse", text="STR") == [6]
        assert found(store, match="strasse", identity=records[5].identity) == [5]
        assert found(store, identity=records[5].identity, match="ein") == []
        assert found(store, text="c1cc", valid=True, domain=run.domain, run=run.id[:8]) == [1, 0]
        assert found(store, text="c1cc", domain="nothing") == []
        assert found(store) == [6, 5, 4, 3, 2, 1, 0]

    def test_samples_are_found_by_what_their_runs_asked_for(self, store: Store, many: list[Run]) -> None:
        put(store, many)
        assert by_run(store, many, where={"logP": (1.0, 2.0)}) == [2, 1]
        assert by_run(store, many, where={"logP": (-math.inf, 0.0)}) == [0]
        assert by_run(store, many, where={"logP": 1.0}) == [1]
        assert by_run(store, many, where={"logP": "1"}) == [1]
        assert by_run(store, many, where={"class": "boots"}) == [3, 1]
        assert by_run(store, many, where={"class": "boots", "logP": (0.0, 9.0)}) == [3, 1]
        assert by_run(store, many, where={"class": "7"}) == [5, 4]
        assert by_run(store, many, where={"class": (0.0, 9.0)}) == [5]
        assert by_run(store, many, where={"caption": "boots"}) == []
        assert by_run(store, many, where={"logP": (0.0, 9.0)}, match="sample 1") == [3, 2, 1]

    def test_samples_of_runs_that_were_written_in_turns_come_newest_first(self, store: Store, many: list[Run]) -> None:
        for run in many[:3]:
            store.put_run(run)
        for index in range(50):
            for run in many[:3] if index % 2 else many[2::-1]:
                store.put_samples([_record(run, index)])
        hits = list(store.search(Query(where={"logP": (-1.0, 1.0)})))
        order = [many[:3], many[2::-1]]
        expected = [f"{run.id}/{index}" for index in range(49, -1, -1) for run in order[index % 2] if run != many[2]]
        assert [hit.record.id for hit in hits] == expected

    def test_samples_are_found_by_their_scores_the_highest_first(self, store: Store, run: Run) -> None:
        store.put_samples([_record(run, index, flaw="bad" if index == 3 else None) for index in range(6)])
        values = {0: 0.5, 1: 0.9, 2: 0.5, 3: 0.7, 4: math.nan, 5: -math.inf}
        store.put_scores(run.id, [Score(metric="qed", value=value, index=index) for index, value in values.items()])
        store.put_scores(run.id, [Score(metric="qed", value=0.6), Score(metric="sa", value=3.0, index=2)])
        hits = list(store.search(Query(scores={"qed": (0.5, 0.9)})))
        assert [(hit.record.index, hit.value) for hit in hits] == [(1, 0.9), (3, 0.7), (2, 0.5), (0, 0.5)]
        assert found(store, scores={"qed": (-math.inf, math.inf)}) == [1, 3, 2, 0, 5]
        assert found(store, scores={"qed": (0.0, 1.0), "sa": (3.0, 3.0)}) == [2]
        assert found(store, scores={"qed": (0.0, 1.0)}, valid=False) == [3]
        assert found(store, scores={"qed": (0.0, 1.0)}, match="sample 2") == [2]
        assert found(store, scores={"qed": (0.0, 1.0)}, run=run.id, where={"logP": 2.5}) == [1, 3, 2, 0]
        assert found(store, scores={"nothing": (0.0, 1.0)}) == []

    def test_a_sample_comes_once_for_each_value_recorded_of_it(self, store: Store, run: Run) -> None:
        store.put_samples([_record(run, 0)])
        for value in (0.2, 0.4, 0.4):
            store.put_scores(run.id, [Score(metric="qed", value=value, index=0)])
        assert [hit.value for hit in store.search(Query(scores={"qed": (0.0, 1.0)}))] == [0.4, 0.4, 0.2]

    @pytest.mark.parametrize(
        "asked",
        [
            {"text": "sample"},
            {"match": "sample"},
            {"scores": {"qed": (0.0, 1.0)}},
            {"where": {"logP": (0.0, 9.0)}},
            {"scores": {"qed": (0.2, 1.0)}, "match": "sample", "where": {"logP": (0.0, 2.0)}},
            {"domain": "molecules"},
        ],
    )
    def test_a_search_goes_on_behind_a_cursor_while_others_write(
        self, store: Store, many: list[Run], asked: dict[str, Any]
    ) -> None:
        put(store, many[:4], 40)
        expected = [(hit.record.id, hit.value) for hit in store.search(Query(**asked))]
        assert len(expected) > 60
        seen: list[Hit] = []
        while page := list(islice(store.search(Query(**asked, after=seen[-1].cursor if seen else None)), 17)):
            seen += page
            put(store, [replace(many[1], id=f"{len(seen):032x}")], 3)
            store.put_scores(many[0].id, [Score(metric="qed", value=0.5, index=len(seen) % 40)])
        assert [(hit.record.id, hit.value) for hit in seen] == expected
        assert len(list(store.search(Query(**asked)))) > len(expected)

    def test_a_cursor_that_another_search_gave_is_refused(self, store: Store, run: Run) -> None:
        store.put_samples([_record(run, index) for index in range(3)])
        cursor = next(iter(store.search(Query(match="sample")))).cursor
        assert found(store, match="sample", after=cursor) == [1, 0]
        damaged = [cursor[:-1], cursor + "A", "", "?", "ä", "A" * 10_000, "\ud800", cursor[4:]]
        for match, after in [("other", cursor), *(("sample", text) for text in damaged)]:
            with pytest.raises(UsageError, match=r"cursor that the same search gave; got .* leave the cursor out"):
                found(store, match=match, after=after)

    @pytest.mark.parametrize("start", range(0, len(HOSTILE), 100))
    def test_hostile_texts_are_texts(self, store: Store, run: Run, start: int) -> None:
        texts = HOSTILE[start : start + 100]
        store.put_samples([_record(run, index, prompt=text, canonical=f"<{text}>") for index, text in enumerate(texts)])
        for index, text in enumerate(texts):
            assert index in found(store, text=f"<{text}>")
            try:
                query = Query(match=text)
            except UsageError:
                continue
            assert index in [hit.record.index for hit in store.search(query)]
            assert found(store, scores={text: (0.0, 1.0)}, where={text: text}, identity=text) == []
        assert len(list(store.samples())) == len(texts)

    def test_a_very_long_text_is_searched_in_part(self, store: Store, run: Run) -> None:
        long = "é" * 1_000_000
        store.put_samples([_record(run, 0, prompt=f"first {long} last", canonical=long)])
        assert found(store, match="first") == [0]
        assert found(store, match="last") == []
        assert found(store, text=long) == [0]
        assert found(store, text=f"{long}é") == []

    def test_text_that_no_store_keeps_is_found_nowhere(self, store: Store, run: Run) -> None:
        store.put_samples([_record(run, 0, payload=b"a\0b", media_type="text/plain", canonical=None)])
        for name in ("text", "identity", "match", "domain"):
            asked: dict[str, Any] = {name: "a\udcff"}
            assert found(store, **asked) == []
        assert found(store, text="a\0b") == [0]
        assert found(store, match="a\0b") == [0]
        with pytest.raises(UnknownName, match=r"named '\\udcff'"):
            found(store, run="\udcff")

    def test_a_search_of_an_empty_store_finds_nothing(self, store: Store) -> None:
        several: list[dict[str, Any]] = [{"text": "abc"}, {"match": "abc"}, {"scores": {"a": (0.0, 1.0)}}, {}]
        for asked in (*several, {"where": {"a": 1.0}}):
            assert found(store, **asked) == []

    @pytest.fixture
    def records(self, run: Run) -> list[Record]:
        """Samples with texts everywhere."""
        return [
            _record(run, 0, canonical="c1ccccc1%", payload=b"x"),
            _record(run, 1, canonical=None, payload="grün c1ccccc1".encode(), media_type="text/plain"),
            _record(run, 2, canonical=None, payload=b"c1ccccc1 hidden", media_type="image/png"),
            _record(run, 3, canonical="C1CCCCC1", payload=b"x"),
            _record(run, 4, prompt="ein Rätsel 🧩\n"),
            _record(run, 5, parameters='{"temperature": 0.9, "of": ["Stra\\u00dfe"]}'),
            _record(run, 6, canonical="STRASSE", flaw="bad"),
        ]

    @pytest.fixture
    def many(self, run: Run) -> list[Run]:
        """Runs that asked for other things each, not put yet."""
        asked: Sequence[dict[str, Any]] = (
            {"logP": -1},
            {"logP": 1.0, "class": "boots"},
            {"logP": 2.0},
            {"logP": 5, "class": "boots"},
            {"class": "7"},
            {"class": 7, "flag": True},
        )
        return [replace(run, id=f"{place:x}" * 32, config={"where": where}) for place, where in enumerate(asked, 10)]


def put(store: Store, runs: Sequence[Run], count: int = 2) -> None:
    """Put runs with samples, each with a score."""
    for run in runs:
        store.put_run(run)
        store.put_samples([_record(run, index) for index in range(count)])
        store.put_scores(run.id, [Score(metric="qed", value=index % 10 / 10, index=index) for index in range(count)])


def by_run(store: Store, runs: Sequence[Run], **asked: Any) -> list[int]:
    """Return which of the runs what is found belongs to, each once, in order."""
    ids = [run.id for run in runs]
    return list(dict.fromkeys(ids.index(hit.record.run) for hit in _hits(store, **asked)))


def _hits(store: Store, **asked: Any) -> Iterator[Hit]:
    return store.search(Query(**asked))


def _record(run: Run, index: int, **changes: Any) -> Record:
    record = Record(
        run=run.id,
        index=index,
        seed=run.seed,
        payload=f"sample {index}".encode(),
        media_type="chemical/x-daylight-smiles",
        canonical=f"sample {index}",
        identity=f"KEY-{index:05d}",
    )
    return replace(record, **changes)
