import hashlib
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genwright.samples import Review
from genwright.store import Record, Score, StoredCheckpoint
from genwright_storage import encoding, rows

RUN = "0198f0e2c4d87a3bb1c2d3e4f5061728"
PLAIN = Record(
    run=RUN,
    index=17,
    seed=7,
    payload=b"CCO",
    media_type="chemical/x-daylight-smiles",
    canonical="CCO",
    identity="LFQSCWFLJHTTHZ-UHFFFAOYSA-N",
)
FULL = Record(
    run=RUN,
    index=2**63 - 1,
    seed=2**64 - 1,
    payload="grün".encode(),
    media_type="text/plain",
    flaw="",
    canonical="grün",
    parameters='{"p": 0.9}',
    prompt="something personal",
    reviews=(Review(reviewer="policy", passed=False, reason="häßlich"),),
)
SALT = bytes(range(16))

RUN_ROW: dict[str, Any] = {
    "uid": RUN,
    "kind": "generate",
    "domain": "molecules",
    "environment": b"\x11" * 32,
    "model": "molecules/druglike",
    "checkpoint": "ab" * 32,
    "parent": None,
    "config": '{"rows": 16}',
    "salt": SALT,
    "seed": 7,
    "planned": 100,
    "started_ns": 1_790_000_000_000_000_000,
}
END_ROW: dict[str, Any] = {
    "uid": RUN,
    "state": "failed",
    "error": "no space",
    "notes": "[]",
    "finished_ns": None,
    "salt": SALT,
}


CHECKPOINT = StoredCheckpoint(
    digest="cd" * 32, name="molecules/druglike", domain="molecules", card="{}", files={"card.json": ("ef" * 32, 2)}
)
SCORES = [
    Score(metric="fcd", value=0.25, error=0.125, detail="1,000 samples"),
    Score(metric="qed", value=math.nan, index=3),
]


# Frozen: a store that was written must verify for ever. If one of these moves, it is the code that is wrong.
@pytest.mark.parametrize(
    ("found", "golden"),
    [
        (
            lambda: rows.sample_row(PLAIN, None, version=1).leaf,
            "84368a47fdf289946fd9c3a159d7d2378e181842d95d5587d2625eadd57c5350",
        ),
        (
            lambda: rows.sample_row(FULL, SALT, version=1).leaf,
            "7ddf9b3291b796e1bfc6c09950d6f4d185532a63e0b7525ab441ac6d4f7eeff7",
        ),
        (lambda: rows.sample_row(PLAIN, SALT).leaf, "025b9569e78aa63f490d086559683549ee16a94a819de5e63822882a4f3dca24"),
        (lambda: rows.sample_row(FULL, SALT).leaf, "a2a5df51baefb7d610379bb54a16074ce998c5df695f0db183254a0cccbe4e97"),
        (lambda: rows.run_digest(RUN_ROW), "0024fe94dd64278db97f64d86fcd94724ad30b23970005befb9dec6668d25b75"),
        (lambda: rows.end_digest(END_ROW), "8affc7be8f75d080e6e1654abf3f94ce6579634f5a43774d8585cf0a03f63e55"),
        (
            lambda: rows.checkpoint_digest(CHECKPOINT),
            "a7ab82aa68debe8debdfe232c313e2a79bc4117e32ad854740a0b1053354cfa2",
        ),
        (lambda: rows.scores_digest(RUN, SCORES), "e5368462baf3a876f3d24b7467b735f8ff057054e41b3ccaad4aacab26fd3f02"),
        (
            lambda: encoding.batch_digest(RUN, 0, 999, 1000, b"\x22" * 32),
            "4f41df849a28abf53092e6eada40889a4c10354786ac25836f952eaa654e28ba",
        ),
        (
            lambda: encoding.entry_leaf("samples", f"{RUN}/0", b"\x33" * 32, 1),
            "a9295dddb94e8e76bec761d19abf8f6b9b40897434df8981cb2bd8039bbbeec8",
        ),
        (
            lambda: encoding.commitment(SALT, b"prompt", b"something personal"),
            "a30b4e2c8767187b8b6e9f4bedbf86e505011bfd5dba128141baaf794255b1a1",
        ),
    ],
    ids=[
        "plain sample of version 1",
        "full sample of version 1",
        "plain sample",
        "full sample",
        "run",
        "end",
        "checkpoint",
        "scores",
        "batch",
        "entry",
        "commitment",
    ],
)
def test_what_the_ledger_commits_to_is_frozen(found: Any, golden: str) -> None:
    assert found().hex() == golden


def test_an_encoding_is_lengths_then_fields() -> None:
    expected = bytes.fromhex("000000040000000100000008ffffffff00000000") + b"k" + bytes(7) + b"\x05"
    assert encoding.encode("k", 5, None, "") == expected


texts = st.none() | st.text()


@given(st.integers(0, 2**63 - 1), st.integers(-(2**63), 2**63 - 1), st.text(), texts, texts, texts, texts, st.binary())
def test_the_fast_encoding_of_a_sample_is_that_of_its_fields(
    index: int, seed: int, kind: str, flaw: Any, canonical: Any, identity: Any, reviews: Any, payload: bytes
) -> None:
    digest, prompt = hashlib.sha256(payload).digest(), encoding.commitment(SALT, b"prompt", b"x")
    texts = [None if text is None else text.encode() for text in (flaw, canonical, identity, reviews)]
    fields = encoding.encode("genwright/sample/v1", RUN, index, seed, kind, digest, *texts, b"", prompt)
    known = (RUN.encode(), index, seed, kind.encode(), digest, *texts, b"", prompt)
    assert encoding.sample_leaf(*known, None) == hashlib.sha256(b"\x00" + fields).digest()
    blind = encoding.blind(SALT)
    fields = encoding.encode("genwright/sample/v2", RUN, index, seed, kind, digest, *texts, b"", prompt, blind)
    assert encoding.sample_leaf(*known, blind) == hashlib.sha256(b"\x00" + fields).digest()


def test_none_and_empty_text_are_told_apart() -> None:
    assert encoding.encode("k", None) != encoding.encode("k", "")


def test_fields_do_not_run_into_each_other() -> None:
    assert encoding.encode("k", "ab", "c") != encoding.encode("k", "a", "bc")


def test_a_commitment_says_nothing_without_its_salt() -> None:
    one, two = (encoding.commitment(bytes([salt]) * 16, b"prompt", b"x") for salt in (1, 2))
    assert one != two
    assert encoding.commitment(SALT, b"prompt", b"x") != encoding.commitment(SALT, b"parameters", b"x")


def test_a_text_that_was_put_where_none_was_changes_the_leaf() -> None:
    """A prompt added to a row of version 1 without a salt once had no commitment, and was not found."""
    without = rows.sample_row(PLAIN, None, version=1).leaf
    assert rows.sample_row(replace(PLAIN, prompt="x"), None, version=1).leaf != without
    assert rows.sample_row(replace(PLAIN, parameters="{}"), None, version=1).leaf != without


def test_the_salt_of_each_sample_is_its_own() -> None:
    assert len({row.salt for row in rows.new_rows([FULL, PLAIN] * 5)}) == 10


@given(st.integers(0, 2**64 - 1))
def test_a_seed_survives_being_signed(seed: int) -> None:
    assert encoding.unsigned(encoding.signed(seed)) == seed
    assert -(2**63) <= encoding.signed(seed) < 2**63
