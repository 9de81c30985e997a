from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import genwright as gw
from genwright.errors import Conflict, DataError, PluginError
from genwright.run import Run
from genwright.samples import Review
from genwright.store import Record, Store, StoredCheckpoint, files_digest, open_store
from genwright.testing.stores import make_record, make_run

ENDINGS = (".jsonl", ".jsonl.gz", ".jsonl.xz", ".parquet")
REVIEWS = (Review(reviewer="policy", passed=False, reason="too short"), Review(reviewer="ä", passed=True, reason=""))


def honest(digest: str = "12" * 32) -> StoredCheckpoint:
    """Return a checkpoint whose digest is that of its files."""
    card = '{"steps": 1}'
    files = {"weights.safetensors": (digest, 9), "card.json": (hashlib.sha256(card.encode()).hexdigest(), len(card))}
    return StoredCheckpoint(digest=files_digest(files), name="x", domain="molecules", card=card, files=files)


CHECKPOINT = honest()


def open_memory() -> Store:
    return open_store("memory:")


@pytest.fixture
def source() -> Store:
    """A store with two runs and all that a record can hold."""
    store = open_memory()
    store.put_checkpoint(CHECKPOINT)
    ended = make_run(config={"a": [1, 2.5, None, True], "ä": {"b": "日本"}}, seed=2**64 - 1, planned=2**63 - 1)
    ended = replace(ended, checkpoint=CHECKPOINT.digest)
    store.put_run(ended)
    store.put_samples(
        [
            make_record(ended, 0, seed=2**64 - 1, reviews=REVIEWS, parameters='{"p": 0.90}', prompt="für ein\nBild"),
            make_record(ended, 1, seed=2**53 + 1, payload=b"\x89PNG\x00", media_type="image/png", canonical=None),
            make_record(ended, 2, payload=b"\xff\xfe no UTF-8", flaw="'x' is none", identity=None),
            make_record(ended, 3, payload=b""),
            make_record(ended, 4, payload="\u2028 \r\n=1 ä".encode(), media_type="text/plain"),
            make_record(ended, 9, payload=bytes(range(256)) * 400, media_type="audio/wav"),
        ]
    )
    store.finish_run(ended.id, "failed", error="no space", notes=["observer x was detached"])
    going = make_run(domain="images", checkpoint="", parent=ended.id)
    store.put_run(going)
    store.put_samples([make_record(going, index) for index in range(3)])
    return store


@pytest.fixture(params=ENDINGS)
def file(request: pytest.FixtureRequest, source: Store, tmp_path: Path) -> Path:
    path = tmp_path / f"all{request.param}"
    assert gw.export(path, store=source) == (9, True)
    return path


@pytest.fixture
def lines(source: Store, tmp_path: Path) -> Path:
    path = tmp_path / "all.jsonl"
    gw.export(path, store=source)
    return path


def content(store: Store) -> tuple[list[Run], list[Record]]:
    return list(store.runs()), list(store.samples())


def test_what_was_exported_comes_back_as_it_was(source: Store, file: Path) -> None:
    other = open_memory()
    assert gw.import_samples(file, store=other) == (9, 0, 2)
    assert content(other) == content(source)
    assert other.checkpoint(CHECKPOINT.digest) == CHECKPOINT


def test_the_same_file_again_changes_nothing(source: Store, file: Path) -> None:
    other = open_memory()
    gw.import_samples(file, store=other)
    before = other.info()["head"]
    assert gw.import_samples(file, store=other) == (0, 9, 2)
    assert content(other) == content(source)
    assert other.info()["head"] == before


def test_a_part_that_was_imported_before_is_passed_over(source: Store, tmp_path: Path) -> None:
    other = open_memory()
    for name, limit in (("a.jsonl", 5), ("b.jsonl", None)):
        gw.export(tmp_path / name, store=source, limit=limit)
    assert gw.import_samples(tmp_path / "a.jsonl", store=other) == (5, 0, 2)
    assert gw.import_samples(tmp_path / "b.jsonl", store=other) == (4, 5, 2)
    assert content(other) == content(source)


def test_lines_in_any_order_and_several_times_are_counted_right(source: Store, lines: Path) -> None:
    """Once a run was met, lines of it need not tell of it again."""
    text = lines.read_bytes().splitlines(keepends=True)
    lines.write_bytes(b"".join([*text[3:4], *text[:3], *text[:2], *text[:3:-1]]))
    other = open_memory()
    assert gw.import_samples(lines, store=other) == (9, 2, 2)
    assert content(other) == content(source)


def test_runs_keep_their_order_whatever_that_of_the_file(source: Store, file: Path) -> None:
    other = open_memory()
    gw.import_samples(file, store=other)
    assert other.run("LAST") == source.run("LAST")


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_a_run_of_more_than_a_batch_is_put_and_known_again(tmp_path: Path, ending: str) -> None:
    store, other = open_memory(), open_memory()
    run = make_run()
    store.put_run(run)
    store.put_samples([make_record(run, index) for index in range(0, 25_000, 2)])
    gw.export(tmp_path / f"a{ending}", store=store)
    other.put_run(run)
    other.put_samples([make_record(run, index) for index in range(0, 20_000, 8)])
    assert gw.import_samples(tmp_path / f"a{ending}", store=other) == (10_000, 2_500, 1)
    assert content(other) == content(store)


def test_other_bytes_under_an_id_that_is_taken_are_refused_and_named(source: Store, file: Path) -> None:
    other = open_memory()
    run = source.run("LAST")
    other.put_run(run)
    mine = make_record(run, 1, payload=b"mine")
    other.put_samples([mine])
    with pytest.raises(Conflict, match=rf"sample {run.id}/1 is already stored with another payload"):
        gw.import_samples(file, store=other)
    assert other.sample(mine.id) == mine


def test_a_run_that_started_otherwise_is_refused_before_any_sample(source: Store, file: Path) -> None:
    other = open_memory()
    run = replace(source.run("LAST"), seed=99)
    other.put_run(run)
    with pytest.raises(Conflict, match=rf"run {run.id} is already stored with another seed"):
        gw.import_samples(file, store=other)
    assert list(other.samples()) == []


def test_the_end_of_a_run_that_the_store_knows_better_is_kept(source: Store, file: Path) -> None:
    other = open_memory()
    run = next(run for run in source.runs() if run.finished)
    other.put_run(run)
    other.finish_run(run.id, "finished")
    gw.import_samples(file, store=other)
    assert other.run(run.id).state == "finished"


def test_an_import_that_broke_off_goes_on(source: Store, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = open_memory()
    put: list[int] = []

    def breaking(records: Sequence[Record]) -> None:
        if put:
            raise OSError(28, os.strerror(28))
        put.append(len(records))
        type(other).put_samples(other, records)

    with monkeypatch.context() as patch:
        patch.setattr(other, "put_samples", breaking)
        with pytest.raises(OSError, match="No space left"):
            gw.import_samples(file, store=other)
    assert gw.import_samples(file, store=other) == (9 - put[0], put[0], 2)
    assert content(other) == content(source)


def test_samples_of_a_run_that_the_store_has_need_no_origin(source: Store, lines: Path) -> None:
    other = open_memory()
    gw.import_samples(lines, store=other)
    last = lines.read_bytes().splitlines()[-1]
    lines.write_bytes(last)
    assert gw.import_samples(lines, store=other) == (0, 1, 1)
    with pytest.raises(DataError, match=r"all\.jsonl, line 1: the first sample of run \w{32} should tell of the run"):
        gw.import_samples(lines, store="memory:")


def changed(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda line: line.update(changes)


def origin(part: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda line: line["origin"][part].update(changes)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (changed(index="0"), r"index is a whole number; got '0'"),
        (changed(index=True), r"index is a whole number; got True"),
        (changed(index=-1), r"a sample's index is from 0 to 2\^63 - 1 and its seed an integer of 64 bits"),
        (changed(seed=1.5), r"seed is a whole number; got 1\.5"),
        (changed(seed=2**64), r"its seed an integer of 64 bits; got index 0 and seed 18446744073709551616"),
        (lambda line: line.pop("media_type"), r"a sample has an item and a media_type, which are text"),
        (lambda line: line.pop("prompt"), r"prompt is text; got nothing"),
        (changed(flaw=7), r"flaw is text or null; got 7"),
        (changed(canonical="a\0b"), r"the texts of a sample are kept as plain text; got NUL"),
        (changed(prompt="\ud800"), r"got a lone surrogate in one of them"),
        (changed(item="\ud800"), r"the item of a sample should be text or a data URL in base64: 'utf-8' codec"),
        (changed(item="CCCC"), r"the item should have the SHA-256 that stands beside it; it has another"),
        (changed(payload="%%%"), r"should be text or a data URL in base64: "),
        (changed(media_type="image/png"), r"should be text or a data URL in base64: "),
        (changed(sha256="00"), r"the item should have the SHA-256 that stands beside it"),
        (changed(id="x/0"), r"the id of a sample is its run and its index, \w{32}/0; got 'x/0'"),
        (changed(reviews="none"), r"reviews is a list; got 'none'"),
        (changed(reviews=[{"reviewer": "x"}]), r"a review has a reviewer, passed \(true or false\) and a reason; got"),
        (changed(reviews=[{"reviewer": "x", "passed": 1, "reason": ""}]), r"a review has a reviewer, passed"),
        (changed(origin=7), r"an origin tells of a run, with its environment, and of a checkpoint; got 7"),
        (changed(origin={}), r"an origin tells of a run, with its environment, and of a checkpoint; got \{\}"),
        (origin("run", id="7" * 32), r"the origin should be run \w{32}; it is 7{32}"),
        (origin("run", id="77"), r"a run's id is 32 hexadecimal digits; got '77'"),
        (origin("run", kind="guess"), r"option 'kind' of a run takes one of 'train', .*; got 'guess'"),
        (origin("run", color="red"), r"a run has no option 'color'"),
        (origin("run", started="now"), r"option 'started' of a run takes a whole number; got 'now'"),
        (origin("run", config={"a": "\0"}), r"the texts of run \w{32} are kept as plain text; got NUL"),
        (
            origin("run", environment=None),
            r"an origin tells of a run, with its environment, and of a checkpoint; got \{'id'",
        ),
        (
            origin("run", environment=[]),
            r"an origin tells of a run, with its environment, and of a checkpoint; got \{'id'",
        ),
        (origin("run", environment={}), r"an environment needs option 'python'"),
        (origin("run", planned=2**70), r"planned is a number of 64 bits; got 1180591620717411303424"),
        (origin("run", seed=-(2**70)), r"seed is a number of 64 bits; got -1180591620717411303424"),
        (origin("run", notes=["\0"]), r"the texts of run \w{32} are kept as plain text; got NUL"),
        (lambda line: line["origin"]["run"]["environment"].update(plugins=[7]), r"are a list of texts; got \[7\]"),
        (origin("checkpoint", files={"a": ["b", "c"]}), r"option 'files' of a checkpoint takes a table"),
        (origin("checkpoint", files={"a": ["b", 2**70]}), r"a is a number of 64 bits"),
        (origin("checkpoint", card="\0"), r"the texts of a checkpoint are kept as plain text; got NUL"),
        (changed(run="7" * 32), r"the id of a sample is its run and its index, 7{32}/0"),
        (changed(run="LAST", id="LAST/0"), r"run is 32 hexadecimal digits; got 'LAST'"),
        (origin("checkpoint", digest="ab" * 32), r"the digest of a checkpoint is that of its files; got '(ab){32}'"),
        (origin("checkpoint", card="{}"), r"the card of checkpoint \w{64} should have the SHA-256 of its card.json"),
        (origin("checkpoint", files={}), r"the digest of a checkpoint is that of its files"),
    ],
)
def test_what_cannot_be_is_named_with_its_line_and_nothing_is_put(
    source: Store, lines: Path, change: Callable[[dict[str, Any]], None], reason: str
) -> None:
    """The wrong line is the first of the second run."""
    found = [json.loads(line) for line in lines.read_bytes().splitlines()]
    change(found[3])
    lines.write_text("".join(f"{json.dumps(line)}\n" for line in found))
    other = open_memory()
    with pytest.raises(DataError, match=rf"all\.jsonl, line 4: .*{reason}.* Nothing of it was imported: export the"):
        gw.import_samples(lines, store=other)
    assert content(other) == ([], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\n", r"a line is an object of JSON; got '\\n': Expecting value"),
        (b"[1]\n", r"a line is an object of JSON; got '\[1\]"),
        (b'{"id": "x', r"a line is an object of JSON; got '\{\"id\": \"x': Unterminated string"),
        (b"\xff\xff\n", r"a line is an object of JSON; got .*codec can't decode"),
        (b"[" * 100_000, r"a line is an object; this one holds others within others too deep"),
        (b'{"seed": ' + b"9" * 10_000 + b"}", r"a line is an object of JSON; got .*Exceeds the limit"),
        (b"{" + b"[]," * 1_000_000, r"a line holds at most 2,000,000 values; this one has more"),
    ],
)
def test_what_is_no_line_of_an_export_is_named(lines: Path, line: bytes, reason: str) -> None:
    with lines.open("ab") as stream:
        stream.write(line)
    other = open_memory()
    with pytest.raises(DataError, match=rf"line 10: {reason}"):
        gw.import_samples(lines, store=other)
    assert content(other) == ([], [])


def test_every_cut_of_a_compressed_file_is_found_before_anything_is_put(source: Store, tmp_path: Path) -> None:
    for ending in ENDINGS[1:]:
        path = tmp_path / f"a{ending}"
        gw.export(path, store=source)
        whole = path.read_bytes()
        for length in range(1, len(whole), 97):
            path.write_bytes(whole[:length])
            other = open_memory()
            with pytest.raises(DataError, match=r"cannot be read|Nothing of it was imported"):
                gw.import_samples(path, store=other)
            assert content(other) == ([], [])


def test_a_flipped_byte_never_changes_what_a_sample_is(source: Store, file: Path) -> None:
    """It is found, or it is in what does not matter, such as the time that gzip keeps."""
    whole = file.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 150)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        other = open_memory()
        try:
            gw.import_samples(file, store=other)
        except DataError:
            assert content(other) == ([], [])
        else:
            payloads = {record.id: record.payload for record in source.samples()}
            assert {record.id: record.payload for record in other.samples()}.items() <= payloads.items()


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a"])
def test_other_files_are_refused_with_what_can_be_imported(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=rf"ends in \.jsonl, .* or \.parquet; got {name}\. Export the samples"):
        gw.import_samples(tmp_path / name, store="memory:")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_is_not_there_or_none_is_told(tmp_path: Path, ending: str) -> None:
    with pytest.raises(DataError, match=r"cannot be read: .*No such file"):
        gw.import_samples(tmp_path / f"a{ending}", store="memory:")
    (tmp_path / f"b{ending}").mkdir()
    with pytest.raises(DataError, match=r"samples are imported from a file, which is read twice; .* is none\."):
        gw.import_samples(tmp_path / f"b{ending}", store="memory:")


def test_without_pyarrow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "genwright.exporters.parquet", raising=False)
    for call in (gw.import_samples, gw.export):
        with pytest.raises(PluginError, match=r"Install what it needs: pip install 'genwright-core\[parquet\]'"):
            call(tmp_path / "a.parquet", store="memory:")


def bomb(path: Path) -> None:
    """Write a line of a gigabyte, which packs to a thousandth."""
    with gzip.open(path, "wb") if path.suffix == ".gz" else lzma.open(path, "wb", preset=0) as stream:
        stream.write(b'{"item": "')
        for _ in range(1024):
            stream.write(b"x" * (1 << 20))


def many(path: Path) -> None:
    """Write a line of small values, of which Python would make gigabytes."""
    path.write_bytes(b"{" + b'"a":[],' * 9_000_000)


MEASURED = """
import resource, sys
import genwright as gw
from genwright.errors import DataError
import genwright.imports
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    gw.import_samples(sys.argv[1], store="memory:")
except DataError as error:
    print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def measured(path: Path) -> tuple[str, int]:
    """Return what an import in a new process says, and how many MiB it took."""
    done = subprocess.run([sys.executable, "-c", MEASURED, path], capture_output=True, text=True, check=True)
    *said, kilobytes = done.stdout.splitlines()
    return "\n".join(said), int(kilobytes) // 1024


@pytest.mark.parametrize(
    ("ending", "make", "reason"),
    [
        (".jsonl.gz", bomb, "line 1: a line has at most 67,108,864 bytes; this one has more"),
        (".jsonl.xz", bomb, "line 1: a line has at most 67,108,864 bytes"),
        (".jsonl", many, "line 1: a line holds at most 2,000,000 values"),
    ],
)
def test_a_bomb_is_refused_in_bounded_memory(
    tmp_path: Path, ending: str, make: Callable[[Path], None], reason: str
) -> None:
    path = tmp_path / f"a{ending}"
    make(path)
    said, megabytes = measured(path)
    assert reason in said
    assert megabytes < 400
