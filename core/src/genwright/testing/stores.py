"""What every store promises, as tests to inherit."""

# The name of a test says what it holds.
# ruff: noqa: D102

from __future__ import annotations

import itertools
import math
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

from genwright.errors import Conflict, StoreError, UnknownName
from genwright.run import Environment, Run, new_run_id
from genwright.samples import Review
from genwright.store import Record, Score, Store, StoredCheckpoint
from genwright.testing.searches import SearchTests

__all__ = ["StoreTests", "make_checkpoint", "make_record", "make_run"]

ENVIRONMENT = Environment(
    python="3.11.7",
    platform="linux-x86_64",
    device="cpu",
    threads=2,
    packages={"torch": "2.13.0", "rdkit": "2026.9.1"},
    plugins=["genwright-molecules 0.1.0"],
)


def make_run(**changes: Any) -> Run:
    """Return a run that has just begun, with a new id."""
    start = Run(
        id=new_run_id(),
        kind="generate",
        domain="molecules",
        environment=ENVIRONMENT,
        model="molecules/druglike",
        checkpoint="ab" * 32,
        config={"sampler": {"name": "top-p", "p": 0.95}, "rows": 16, "where": {"logP": 2.5}},
        seed=7,
        planned=10,
    )
    return replace(start, **changes)


def make_record(run: Run, index: int, **changes: Any) -> Record:
    """Return a valid sample of a run, another for each index."""
    smiles = "C" * (index % 50 + 1) + "O"
    record = Record(
        run=run.id,
        index=index,
        seed=run.seed,
        payload=smiles.encode(),
        media_type="chemical/x-daylight-smiles",
        canonical=smiles,
        identity=f"KEY-{index:05d}",
    )
    return replace(record, **changes)


def make_checkpoint(digest: str = "5f1c" + "ab" * 30) -> StoredCheckpoint:
    """Return a checkpoint of two files."""
    files = {"weights.safetensors": ("12" * 32, 1_048_576), "card.json": ("34" * 32, 812)}
    return StoredCheckpoint(
        digest=digest, name="molecules/druglike", domain="molecules", card='{"steps": 1}', files=files
    )


class StoreTests(SearchTests):
    """The contract of `genwright.store.Store`. A test class of a backend inherits it and gives the fixture `store`.

    class TestMyStore(StoreTests):
        @pytest.fixture
        def store(self, tmp_path):
            with contextlib.closing(MyStore(f"mine:{tmp_path}")) as store:
                yield store
    """

    @pytest.fixture
    def run(self, store: Store) -> Run:
        """A run that was put."""
        run = make_run()
        store.put_run(run)
        return run

    def test_a_run_comes_back_as_it_was_put(self, store: Store) -> None:
        run = make_run(
            parent=new_run_id(),
            seed=2**64 - 1,
            planned=2**63 - 1,
            config={"a": [1, 2.5, None, True], "ä": {"b": "日本"}},
        )
        store.put_run(run)
        assert store.run(run.id) == run

    def test_a_run_that_is_put_again_is_passed_over(self, store: Store, run: Run) -> None:
        store.put_run(run)
        assert list(store.runs()) == [run]

    def test_a_run_that_started_otherwise_is_a_conflict(self, store: Store, run: Run) -> None:
        with pytest.raises(Conflict, match=r"already stored with another seed.*id of its own"):
            store.put_run(replace(run, seed=8))
        assert store.run(run.id) == run

    def test_a_run_says_how_it_ended(self, store: Store, run: Run) -> None:
        before = time.time_ns()
        store.finish_run(run.id, "failed", error="no space", notes=["observer x was detached"])
        ended = store.run(run.id)
        assert ended.finished is not None
        assert before <= ended.finished <= time.time_ns()
        notes = ("observer x was detached",)
        assert ended == replace(run, state="failed", error="no space", notes=notes, finished=ended.finished)

    def test_a_run_that_ended_elsewhere_keeps_the_time_of_its_end(self, store: Store, run: Run) -> None:
        store.finish_run(run.id, "finished", at=run.started + 5)
        assert store.run(run.id) == replace(run, state="finished", finished=run.started + 5)

    def test_a_resumed_run_is_running_and_ends_again(self, store: Store, run: Run) -> None:
        store.finish_run(run.id, "interrupted", error="SIGINT")
        store.finish_run(run.id, "running")
        assert store.run(run.id) == run
        store.finish_run(run.id, "finished")
        assert (store.run(run.id).state, store.run(run.id).error) == ("finished", None)

    def test_runs_come_newest_first(self, store: Store) -> None:
        runs = [make_run(kind=kind) for kind in ("train", "generate", "evaluate", "generate")]
        for run in runs:
            store.put_run(run)
        assert list(store.runs()) == runs[::-1]
        assert list(store.runs(kind="generate")) == [runs[3], runs[1]]
        assert list(store.runs(limit=2)) == [runs[3], runs[2]]

    def test_last_is_the_newest_run_that_generates(self, store: Store) -> None:
        """A replay is a run too, and what was drawn last is still meant after one."""
        trained = make_run(kind="train")
        store.put_run(trained)
        assert store.run("LAST") == trained
        older, newer = make_run(), make_run()
        for run in (older, newer, make_run(kind="replay", parent=newer.id)):
            store.put_run(run)
        assert store.run("LAST") == newer

    def test_a_prefix_names_a_run_if_it_is_of_one(self, store: Store) -> None:
        store.put_run(make_run(id="1" * 32))
        store.put_run(make_run(id="1" * 31 + "2"))
        assert store.run("1" * 32).id == "1" * 32
        with pytest.raises(UnknownName, match=r"begins more than one; give more of it"):
            store.run("11")

    def test_a_run_that_is_not_there_is_unknown(self, store: Store) -> None:
        for id in ("LAST", "abcdef"):
            with pytest.raises(UnknownName, match=rf"there is no run named '{id}'.*genwright runs list"):
                store.run(id)
        with pytest.raises(UnknownName):
            store.finish_run("abcdef", "finished")

    def test_a_run_needs_an_id_of_32_digits(self, store: Store) -> None:
        with pytest.raises(StoreError, match=r"32 hexadecimal digits; got 'first'. Make one with new_run_id"):
            store.put_run(make_run(id="first"))

    def test_a_config_that_is_no_plain_data_is_refused(self, store: Store) -> None:
        for value in (object(), math.nan):
            with pytest.raises(StoreError, match=r"a run's config is plain data, as JSON can hold it; got"):
                store.put_run(make_run(config={"x": value}))
        assert list(store.runs()) == []

    def test_a_checkpoint_comes_back_as_it_was_put(self, store: Store) -> None:
        store.put_checkpoint(make_checkpoint())
        store.put_checkpoint(make_checkpoint())
        assert store.checkpoint("5f1c") == make_checkpoint()

    def test_another_checkpoint_of_the_same_digest_is_a_conflict(self, store: Store) -> None:
        store.put_checkpoint(make_checkpoint())
        with pytest.raises(
            Conflict, match=r"is already stored with another content. The digest of a checkpoint is over"
        ):
            store.put_checkpoint(replace(make_checkpoint(), card="{}"))
        assert store.checkpoint("5f1c") == make_checkpoint()

    def test_a_checkpoint_that_is_not_there_is_unknown(self, store: Store) -> None:
        store.put_checkpoint(make_checkpoint())
        with pytest.raises(UnknownName, match=r"there is no checkpoint named 'ffff'"):
            store.checkpoint("ffff")

    def test_samples_come_back_as_they_were_put(self, store: Store, run: Run) -> None:
        reviews = (Review(reviewer="policy", passed=False, reason="häßlich"), Review(reviewer="dup", passed=True))
        records = [
            make_record(run, 0),
            make_record(run, 1, payload=b"", flaw="", canonical="", identity=""),
            make_record(run, 2, flaw="ring 1 is not closed", canonical=None, identity=None),
            make_record(run, 3, payload=bytes(range(256)), media_type="application/octet-stream"),
            make_record(run, 4, payload=b"x" * 200_000, media_type="image/png"),
            make_record(run, 5, parameters='{"p": 0.9}', prompt="ein Rätsel 🧩\n", reviews=reviews),
            make_record(run, 2**63 - 1, seed=2**64 - 1),
        ]
        store.put_samples(records)
        assert list(store.samples()) == records
        assert [store.sample(record.id) for record in records] == records

    def test_samples_come_by_index_whatever_the_order_they_were_put_in(self, store: Store, run: Run) -> None:
        store.put_samples([make_record(run, index) for index in (5, 3, 9)])
        store.put_samples([make_record(run, index) for index in (4, 0)])
        assert [record.index for record in store.samples(run=run.id)] == [0, 3, 4, 5, 9]

    def test_samples_of_the_newest_run_come_first(self, store: Store, run: Run) -> None:
        newer = make_run()
        store.put_run(newer)
        store.put_samples([make_record(newer, 0), make_record(newer, 1)])
        store.put_samples([make_record(run, 0), make_record(run, 1)])
        ids = [record.id for record in store.samples()]
        assert ids == [f"{newer.id}/0", f"{newer.id}/1", f"{run.id}/0", f"{run.id}/1"]
        assert [record.id for record in store.samples(limit=3)] == ids[:3]
        assert [record.run for record in store.samples(run="LAST")] == [newer.id] * 2

    def test_more_samples_than_fit_in_a_page_all_come(self, store: Store, run: Run) -> None:
        store.put_samples([make_record(run, index) for index in range(2500)])
        assert [record.index for record in store.samples()] == list(range(2500))

    def test_the_same_record_again_is_passed_over(self, store: Store, run: Run) -> None:
        records = [make_record(run, index, prompt="a personal text") for index in range(4)]
        store.put_samples(records[:3])
        store.put_samples([*records[1:], records[3]])
        assert list(store.samples()) == records

    def test_other_bytes_under_the_same_index_are_a_conflict(self, store: Store, run: Run) -> None:
        store.put_samples([make_record(run, 1)])
        other = make_record(run, 1, payload=b"N", canonical="N")
        with pytest.raises(
            Conflict, match=rf"sample {run.id}/1 .* another payload and canonical. The stored one was kept"
        ):
            store.put_samples([make_record(run, 0), other, make_record(run, 2)])
        assert list(store.samples()) == [make_record(run, 1)]

    @pytest.mark.parametrize(
        "change",
        [
            {"seed": 8},
            {"media_type": "text/plain"},
            {"flaw": ""},
            {"canonical": None},
            {"identity": None},
            {"parameters": "{}"},
            {"prompt": "x"},
            {"reviews": (Review(reviewer="policy", passed=True),)},
        ],
    )
    def test_any_difference_is_a_conflict(self, store: Store, run: Run, change: dict[str, Any]) -> None:
        store.put_samples([make_record(run, 0)])
        with pytest.raises(Conflict, match=f"with another {next(iter(change))}"):
            store.put_samples([make_record(run, 0, **change)])

    def test_a_batch_that_contradicts_itself_is_a_conflict(self, store: Store, run: Run) -> None:
        store.put_samples([make_record(run, 0), make_record(run, 0)])
        with pytest.raises(Conflict, match="with another flaw"):
            store.put_samples([make_record(run, 1), make_record(run, 1, flaw="bad")])
        assert len(list(store.samples())) == 1

    def test_no_samples_are_nothing_to_do(self, store: Store) -> None:
        store.put_samples([])
        assert list(store.samples()) == []

    def test_samples_of_a_run_that_was_not_put_are_refused(self, store: Store) -> None:
        with pytest.raises(UnknownName, match="Put the run before its samples"):
            store.put_samples([make_record(make_run(), 0)])

    def test_samples_of_two_runs_are_refused(self, store: Store, run: Run) -> None:
        with pytest.raises(
            StoreError, match=r"a batch holds the samples of one run; got those of .*Put them run by run"
        ):
            store.put_samples([make_record(run, 0), make_record(make_run(), 0)])

    @pytest.mark.parametrize("change", [{"index": -1}, {"index": 2**63}, {"seed": 2**64}])
    def test_numbers_that_do_not_fit_are_refused(self, store: Store, run: Run, change: dict[str, int]) -> None:
        with pytest.raises(
            StoreError, match=r"index is from 0 to 2\^63 - 1 and its seed an integer of 64 bits; got index"
        ):
            store.put_samples([replace(make_record(run, 0), **change)])  # type: ignore[arg-type]

    @pytest.mark.parametrize(("text", "found"), [("a\0b", "NUL"), ("a\ud800b", "a lone surrogate")])
    @pytest.mark.parametrize("field", ["media_type", "flaw", "canonical", "identity", "parameters", "prompt"])
    def test_text_that_not_every_store_keeps_is_refused(
        self, store: Store, run: Run, field: str, text: str, found: str
    ) -> None:
        with pytest.raises(StoreError, match=rf"plain text; got {found} in one of them. Remove it"):
            store.put_samples([make_record(run, 0), make_record(run, 1, **{field: text})])
        assert list(store.samples()) == []

    @pytest.mark.parametrize(("text", "found"), [("a\0b", "NUL"), ("a\ud800b", "a lone surrogate")])
    def test_such_text_is_refused_everywhere(self, store: Store, run: Run, text: str, found: str) -> None:
        message = rf"plain text; got {found} in one of them. Remove it"
        with pytest.raises(StoreError, match=message):
            store.put_run(make_run(config={"x": text}))
        with pytest.raises(StoreError, match=message):
            store.finish_run(run.id, "failed", error=text)
        with pytest.raises(StoreError, match=message):
            store.put_checkpoint(replace(make_checkpoint(), card=text))
        with pytest.raises(StoreError, match=message):
            store.put_scores(run.id, [Score(metric="fcd", value=1.0, detail=text)])
        with pytest.raises(StoreError, match=message):
            store.put_samples([make_record(run, 0, reviews=(Review(reviewer="r", passed=False, reason=text),))])

    def test_a_sample_is_found_by_a_prefix_of_its_run(self, store: Store) -> None:
        run = make_run(id="a1" * 16)
        store.put_run(run)
        store.put_samples([make_record(run, 3)])
        assert store.sample("a1a/3") == store.sample("LAST/3") == make_record(run, 3)

    def test_a_sample_that_is_not_there_is_unknown(self, store: Store, run: Run) -> None:
        with pytest.raises(UnknownName, match=r"there is no sample named 'LAST/3'.*genwright samples list --run"):
            store.sample("LAST/3")
        for id in ("LAST", "LAST/x", "LAST/-1", ""):
            with pytest.raises(UnknownName, match=r"A sample's id is its run and its index, such as LAST/0"):
                store.sample(id)

    def test_samples_are_found_by_whether_they_are_valid(self, store: Store, run: Run) -> None:
        store.put_samples([make_record(run, 0), make_record(run, 1, flaw="empty"), make_record(run, 2, flaw="")])
        assert [record.index for record in store.samples(valid=True)] == [0]
        assert [record.index for record in store.samples(valid=False)] == [1, 2]

    def test_samples_are_found_by_identity(self, store: Store, run: Run) -> None:
        newer = make_run()
        store.put_run(newer)
        store.put_samples([make_record(run, 0), make_record(run, 1, identity="KEY-00000"), make_record(run, 2)])
        store.put_samples([make_record(newer, 0)])
        ids = [f"{newer.id}/0", f"{run.id}/0", f"{run.id}/1"]
        assert [record.id for record in store.samples(identity="KEY-00000")] == ids
        assert [record.id for record in store.samples(identity="KEY-00000", run=run.id, limit=1)] == [ids[1]]
        assert list(store.samples(identity="KEY")) == []

    def test_samples_are_found_by_the_domain_of_their_run(self, store: Store, run: Run) -> None:
        other = make_run(domain="images")
        store.put_run(other)
        store.put_samples([make_record(run, 0), make_record(run, 1)])
        store.put_samples([make_record(other, 0)])
        assert [record.id for record in store.samples(domain="molecules")] == [f"{run.id}/0", f"{run.id}/1"]
        assert [record.id for record in store.samples(domain="images", identity="KEY-00000")] == [f"{other.id}/0"]
        assert list(store.samples(domain="images", run=run.id)) == []
        assert list(store.samples(domain="\udcff")) == []

    def test_samples_are_found_by_a_part_of_their_text(self, store: Store, run: Run) -> None:
        records = [
            make_record(run, 0, canonical="c1ccccc1%", payload=b"x"),
            make_record(run, 1, canonical=None, payload="grün c1ccccc1".encode(), media_type="text/plain"),
            make_record(run, 2, canonical=None, payload=b"c1ccccc1", media_type="image/png"),
            make_record(run, 3, canonical="C1CCCCC1", payload=b"x"),
        ]
        store.put_samples(records)
        assert [record.index for record in store.samples(text="c1cc")] == [0, 1]
        assert [record.index for record in store.samples(text="ün c")] == [1]
        assert [record.index for record in store.samples(text="%")] == [0]
        assert [record.index for record in store.samples(text="c1_c")] == []

    def test_text_that_no_store_keeps_is_not_found(self, store: Store, run: Run) -> None:
        """A lone surrogate comes from an argument of the command line that is no UTF-8."""
        store.put_samples([make_record(run, 0)])
        assert list(store.samples(text="\udcff")) == []
        assert list(store.samples(identity="\udcff")) == []
        for find in (store.run, store.checkpoint, store.scores):
            with pytest.raises(UnknownName, match=r"named '\\udcff'"):
                find("\udcff")
        with pytest.raises(UnknownName):
            store.sample("\udcff/0")

    @pytest.mark.parametrize("index", ["9" * 19, "1" + "0" * 19, "9" * 5000])
    def test_an_index_that_is_too_large_is_unknown(self, store: Store, run: Run, index: str) -> None:
        store.put_samples([make_record(run, 0)])
        with pytest.raises(UnknownName, match="there is no sample named"):
            store.sample(f"{run.id}/{index}")

    def test_planned_indices_without_a_sample_are_missing(self, store: Store) -> None:
        run = make_run(planned=3000)
        store.put_run(run)
        assert list(store.missing("LAST")) == list(range(3000))
        present = [index for index in range(2800) if index not in (0, 17, 1999)]
        store.put_samples([make_record(run, index) for index in [*present, 5000]])
        assert list(store.missing(run.id)) == [0, 17, 1999, *range(2800, 3000)]

    def test_scores_come_back_in_the_order_they_were_put(self, store: Store, run: Run) -> None:
        store.put_samples([make_record(run, 0)])
        first = [
            Score(metric="fcd", value=0.91, error=0.02, detail="1,000 samples"),
            Score(metric="qed", value=1, index=0),
        ]
        store.put_scores(run.id, first)
        store.put_scores("LAST", [Score(metric="fcd", value=math.inf)])
        assert store.scores(run.id) == [*first, Score(metric="fcd", value=math.inf)]

    def test_a_score_may_be_no_number(self, store: Store, run: Run) -> None:
        store.put_scores(run.id, [Score(metric="fcd", value=math.nan)])
        assert math.isnan(store.scores(run.id)[0].value)
        assert list(store.verify()) == []

    def test_a_score_of_a_sample_that_is_not_there_is_refused(self, store: Store, run: Run) -> None:
        with pytest.raises(UnknownName, match="Put a sample before its scores"):
            store.put_scores(run.id, [Score(metric="qed", value=0.5, index=4)])
        assert store.scores(run.id) == []

    def test_a_sound_store_is_found_sound(self, store: Store, run: Run) -> None:
        store.put_checkpoint(make_checkpoint())
        for start in (0, 5):
            store.put_samples([make_record(run, start + index, prompt="p") for index in range(5)])
        store.put_scores(run.id, [Score(metric="fcd", value=0.91)])
        store.finish_run(run.id, "finished", notes=["slow"])
        checked: list[int] = []
        assert list(store.verify(progress=checked.append)) == []
        assert checked[-1] == 10

    def test_an_empty_store_is_sound(self, store: Store) -> None:
        assert list(store.verify()) == []
        assert list(store.runs()) == []

    def test_info_counts_what_is_there(self, store: Store, run: Run) -> None:
        before = store.info()
        store.put_samples([make_record(run, index) for index in range(3)])
        store.put_scores(run.id, [Score(metric="fcd", value=0.91)])
        info = store.info()
        assert (info["runs"], info["samples"], info["checkpoints"], info["scores"]) == (1, 3, 0, 1)
        assert info["url"] == store.url
        assert info["bytes"] > 0
        assert info["head"]["size"] > before["head"]["size"]
        assert info["head"]["root"] != before["head"]["root"]

    def test_samples_may_be_put_while_others_are_read(self, store: Store, run: Run) -> None:
        store.put_samples([make_record(run, index) for index in range(3)])
        reader = store.samples()
        seen = [next(reader)]
        store.put_samples([make_record(run, 9)])
        assert [record.index for record in itertools.chain(seen, reader)][:3] == [0, 1, 2]

    def test_threads_may_write_at_once(self, store: Store, run: Run) -> None:
        def write(start: int) -> None:
            for index in range(start, start + 20, 2):
                store.put_samples([make_record(run, index), make_record(run, index + 1)])

        threads = [threading.Thread(target=write, args=(start,)) for start in (0, 20, 40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [record.index for record in store.samples()] == list(range(60))
        assert list(store.verify()) == []
