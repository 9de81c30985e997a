"""Samples move from one SQL store to another through a file, and both stores verify."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import genwright as gw
from genwright.errors import Conflict
from genwright.samples import Review
from genwright.store import StoredCheckpoint, files_digest
from genwright.testing.stores import make_record, make_run
from genwright_storage.store import SQLStore

CARD = '{"steps": 1}'
FILES = {"weights.safetensors": ("12" * 32, 9), "card.json": (hashlib.sha256(CARD.encode()).hexdigest(), len(CARD))}
CHECKPOINT = StoredCheckpoint(digest=files_digest(FILES), name="x", domain="molecules", card=CARD, files=FILES)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[SQLStore]:
    """A store of several runs; one has payloads that lie in files, another more samples than a batch."""
    with closing(SQLStore(f"sqlite:///{tmp_path / 'source'}")) as store:
        store.put_checkpoint(CHECKPOINT)
        drawn = make_run(seed=2**64 - 1, checkpoint=CHECKPOINT.digest)
        store.put_run(drawn)
        store.put_samples(
            [
                make_record(drawn, 0, seed=2**64 - 1, prompt="für ein Bild", parameters='{"p": 0.90}'),
                make_record(drawn, 1, payload=bytes(range(256)) * 1_000, media_type="image/png"),
                make_record(drawn, 7, reviews=(Review(reviewer="policy", passed=False, reason="too short"),)),
            ]
        )
        store.finish_run(drawn.id, "interrupted", error="SIGINT", notes=["slow"])
        replayed = make_run(kind="replay", parent=drawn.id, checkpoint="cd" * 32)
        store.put_run(replayed)
        for first in range(0, 2_500, 500):
            store.put_samples([make_record(replayed, index) for index in range(first, first + 500)])
        yield store


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.xz", ".parquet"])
def test_a_store_that_was_given_the_samples_of_another_has_the_same_and_verifies(
    source: SQLStore, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"all{ending}"
    assert gw.export(path, store=source).samples == 2_503
    with closing(SQLStore(f"sqlite:///{tmp_path / 'other'}")) as other:
        assert gw.import_samples(path, store=other) == (2_503, 0, 2)
        assert list(other.runs()) == list(source.runs())
        assert list(other.samples()) == list(source.samples())
        assert other.checkpoint(CHECKPOINT.digest) == CHECKPOINT
        head = other.info()["head"]
        assert gw.import_samples(path, store=other) == (0, 2_503, 2)
        assert other.info()["head"] == head
        assert list(other.verify()) == []
        again = tmp_path / f"again{ending}"
        gw.export(again, store=other)
        if ending != ".parquet":
            assert again.read_bytes() == path.read_bytes()


def test_what_an_import_puts_before_a_conflict_stays_and_verifies(source: SQLStore, tmp_path: Path) -> None:
    gw.export(tmp_path / "all.jsonl", store=source)
    with closing(SQLStore(f"sqlite:///{tmp_path / 'other'}")) as other:
        run = next(source.runs())
        other.put_run(run)
        other.put_samples([make_record(run, 2_000, payload=b"mine")])
        with pytest.raises(Conflict, match=rf"sample {run.id}/2000 is already stored with another payload"):
            gw.import_samples(tmp_path / "all.jsonl", store=other)
        assert [record.index for record in other.samples(run=run.id)] == [*range(2_000), 2_000]
        assert list(other.verify()) == []
