import base64
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from genwright.errors import ProofError
from genwright.store import Record
from genwright_storage import merkle, rows
from genwright_storage.encoding import commitment, entry_leaf
from genwright_storage.notes import Head, SigningKey, cosign, signed_note, witnessed
from genwright_storage.proofs import BatchPlace, EntryPlace, Proof, SampleFields

RUN = "0198f0e2c4d87a3bb1c2d3e4f5061728"
OTHER = "0198f0e2c4d87a3bb1c2d3e4f5061729"
SALT, BLIND = bytes(range(16)), bytes(range(32))
LOG = SigningKey(name="example.org/store", private=Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = SigningKey(name="witness.example", private=Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEYS = [LOG.verifier, WITNESS.witness]
V1, V2 = "genwright/sample/v1", "genwright/sample/v2"


def sample(index: int, version: str = V1, **changes: Any) -> SampleFields:
    return SampleFields(
        **{
            "version": version,
            "run": RUN,
            "index": index,
            "seed": 2**64 - 1 - index,
            "media_type": "text/plain",
            "payload": hashlib.sha256(b"payload %d" % index).digest(),
            "canonical": "grün ☃",
            "reviews": "[]",
            "prompt": commitment(SALT, b"prompt", b"something personal"),
            "blind": BLIND if version == V2 else None,
            **changes,
        }
    )


def signed(leaves: list[bytes]) -> str:
    text = Head(origin=LOG.name, size=len(leaves), root=merkle.root(leaves)).text
    return signed_note(text, LOG.signature(text))


@cache
def proof(version: str = V1, *, count: int = 5, position: int = 3, size: int = 7, entry: int = 4) -> Proof:
    """Return the proof of one sample of a batch, under the head of a log of other entries."""
    samples = [sample(10 + number, version) for number in range(count)]
    leaves = [one.leaf for one in samples]
    inner = tuple(merkle.inclusion_proof(leaves, position))
    root, last = merkle.root(leaves), 10 + count - 1
    batch = BatchPlace(first=10, last=last, count=count, root=root, position=position, hashes=inner)
    place = EntryPlace(kind="samples", ref=f"{RUN}/10", created_ns=5, index=entry, hashes=())
    entries = [entry_leaf("run", str(number), bytes(32), number) for number in range(size)]
    entries[entry] = place.leaf(batch.content(RUN))
    place = replace(place, hashes=tuple(merkle.inclusion_proof(entries, entry)))
    return Proof(sample=samples[position], batch=batch, entry=place, note=signed(entries))


PROOF = proof()
LINES = PROOF.to_text().split("\n")


def extra(change: Callable[[dict[str, Any]], Any], **options: Any) -> str:
    """Return the text of a proof with another extra line."""
    found = json.loads(base64.b64decode(LINES[1].removeprefix("extra ")))
    options = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False, **options}
    data = json.dumps(change(found) or found, **options).encode()
    return "\n".join([LINES[0], f"extra {base64.b64encode(data).decode()}", *LINES[2:]])


def test_a_proof_is_a_tlog_proof() -> None:
    header, line, index, *hashes, empty = PROOF.to_text().partition(PROOF.note)[0].split("\n")[:-1]
    assert (header, index, empty) == ("c2sp.org/tlog-proof@v1", "index 4", "")
    assert [base64.b64decode(one) for one in hashes] == list(PROOF.entry.hashes)
    assert json.loads(base64.b64decode(line.removeprefix("extra ")))["kind"] == "genwright/sample-proof/v1"
    assert PROOF.to_text().endswith(f"\n\n{PROOF.note}")


@pytest.mark.parametrize("version", [V1, V2])
@pytest.mark.parametrize(("count", "position", "size", "entry"), [(1, 0, 1, 0), (5, 4, 7, 6), (300, 17, 600, 599)])
def test_a_proof_leads_from_its_file_to_the_head(
    version: str, count: int, position: int, size: int, entry: int
) -> None:
    made = proof(version, count=count, position=position, size=size, entry=entry)
    read = Proof.parse(made.to_text())
    assert read == made
    head = read.check(KEYS)
    assert (head.origin, head.size) == (LOG.name, size)
    assert len(made.to_text()) < 6000


def test_the_leaf_is_that_of_the_row() -> None:
    record = Record(
        run=RUN,
        index=10,
        seed=2**64 - 11,
        payload=b"payload 10",
        media_type="text/plain",
        canonical="grün ☃",
        prompt="something personal",
    )
    assert rows.sample_row(record, SALT, version=1).leaf == sample(10, reviews=None).leaf


def test_a_proof_covers_the_payload_and_no_other() -> None:
    assert PROOF.covers(b"payload 13")
    assert not PROOF.covers(b"payload 12")


def test_a_prompt_is_disclosed_by_its_salt() -> None:
    assert PROOF.discloses(prompt="something personal", salt=SALT)
    assert PROOF.discloses(prompt="something personal", parameters="", salt=SALT)
    assert not PROOF.discloses(prompt="something else", salt=SALT)
    assert not PROOF.discloses(prompt="something personal", parameters="{}", salt=SALT)
    assert not PROOF.discloses(prompt="something personal", salt=bytes(16))
    assert not PROOF.discloses(salt=SALT)
    # With a salt of any length, part of it could pass for the text.
    assert not PROOF.discloses(prompt="", salt=b"")


@pytest.mark.parametrize("version", [V1, V2])
def test_every_changed_character_of_a_proof_is_refused(version: str) -> None:
    text = proof(version).to_text()
    for place, letter in enumerate(text):
        for other in (chr(ord(letter) ^ 1), "\n" if place % 2 else "A", ""):
            if other != letter:
                with pytest.raises(ProofError):
                    Proof.parse(text[:place] + other + text[place + 1 :]).check(KEYS)


def test_a_damaged_cosignature_is_refused_or_counts_for_nothing() -> None:
    text = PROOF.note.partition("\n\n")[0] + "\n"
    note = signed_note(text, LOG.signature(text), cosign(WITNESS, text, 5))
    made = replace(PROOF, note=note)
    assert Proof.parse(made.to_text()).check(KEYS) == PROOF.check(KEYS)
    assert witnessed(note, KEYS) == {WITNESS.witness: 5}
    for place in range(note.index(WITNESS.name) - 2, len(note)):
        changed = note[:place] + chr(ord(note[place]) ^ 1) + note[place + 1 :]
        # Who may be another key is ignored, as logs change their keys.
        with suppress(ProofError):
            assert replace(made, note=changed).check(KEYS)
            assert witnessed(changed, KEYS) == {}


@given(st.data())
def test_lines_that_are_moved_left_out_or_added_are_refused(data: st.DataObject) -> None:
    place, other = (data.draw(st.integers(0, len(LINES) - 1)) for _ in range(2))
    swapped = list(LINES)
    swapped[place], swapped[other] = swapped[other], swapped[place]
    line = data.draw(st.sampled_from([*LINES, "x", "AAAA", base64.b64encode(bytes(32)).decode()]))
    for lines in (swapped, LINES[:place] + LINES[place + 1 :], [*LINES[:place], line, *LINES[place:]]):
        text = "\n".join(lines)
        # A signature that is given twice says nothing else.
        if lines not in (LINES, [*LINES[:-1], *LINES[-2:]]):
            with pytest.raises(ProofError):
                Proof.parse(text).check(KEYS)


SAMPLE = {"version": V2, "run": OTHER, "index": 12, "seed": 1, "media_type": "text/html", "payload": "00" * 32}
SAMPLE |= {"flaw": "", "canonical": None, "identity": "x", "reviews": None, "parameters": "00" * 32, "prompt": ""}
CHANGES: dict[str, dict[str, Any]] = {
    "sample": SAMPLE | {"blind": "00" * 32},
    "batch": {"first": 9, "last": 15, "count": 6, "root": "00" * 32, "position": 2, "hashes": []},
    "entry": {"kind": "run", "ref": f"{RUN}/11", "created_ns": 6},
}


@pytest.mark.parametrize(("part", "field"), [(part, field) for part, found in CHANGES.items() for field in found])
def test_every_changed_field_is_refused(part: str, field: str) -> None:
    def change(found: dict[str, Any]) -> None:
        assert found[part][field] != CHANGES[part][field]
        found[part][field] = CHANGES[part][field]

    with pytest.raises(ProofError):
        Proof.parse(extra(change)).check(KEYS)


def test_every_field_is_changed_above() -> None:
    found = json.loads(base64.b64decode(LINES[1].removeprefix("extra ")))
    assert {part: sorted(found[part]) for part in CHANGES} == {part: sorted(CHANGES[part]) for part in CHANGES}


def test_the_step_that_fails_is_named() -> None:
    steps = [
        (replace(PROOF, sample=sample(99)), rf"sample {RUN}/99 is not between 10 and 14, the ends of its batch"),
        (replace(PROOF, sample=sample(12)), rf"sample {RUN}/12 does not lead to the root of its batch"),
        (
            replace(PROOF, entry=replace(PROOF.entry, ref="x")),
            r"entry 4 of the ledger is not that of the batch of sample",
        ),
        (
            replace(PROOF, entry=replace(PROOF.entry, index=3)),
            r"entry 3 .* does not lead to the signed head\. Do not rely",
        ),
        (replace(PROOF, note=signed([bytes(32)] * 7)), r"entry 4 .* does not lead to the signed head\. Do not rely"),
        (
            replace(PROOF, note=PROOF.note.replace("\n7\n", "\n8\n")),
            r"needs a signature to be trusted; .* does not hold",
        ),
    ]
    for wrong, message in steps:
        with pytest.raises(ProofError, match=message):
            wrong.check(KEYS)
    with pytest.raises(ProofError, match="none is by a known key of that log"):
        PROOF.check([WITNESS.witness])


def test_a_proof_of_another_batch_under_the_same_head_is_refused() -> None:
    other = proof(V2)
    for wrong in (replace(PROOF, **{part: getattr(other, part)}) for part in ("batch", "sample", "note")):
        with pytest.raises(ProofError):
            wrong.check(KEYS)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "\n\n",
            "x",
            "\n".join(LINES[:1]),
            "\n".join(LINES[:3]),
            "\n".join(["c2sp.org/tlog-proof@v2", *LINES[1:]]),
        ),
        *("\n".join([LINES[0], *LINES[2:]]), "\n".join([*LINES[:2], "index 04", *LINES[3:]])),
        *("\n".join([*LINES[:2], "index \u0664", *LINES[3:]]), "\n".join([*LINES[:2], f"index {2**63}", *LINES[3:]])),
        *("\n".join([*LINES[:2], f"index {'9' * 5000}", *LINES[3:]]), "\r\n".join(LINES), "\ufeff" + "\n".join(LINES)),
        *("\n".join([*LINES[:3], *LINES[3:4] * 66, *LINES[4:]]), "\n".join([*LINES[:3], "AAAA", *LINES[3:]])),
        *("\n".join([LINES[0], f"{LINES[1]}=", *LINES[2:]]), "\n".join(LINES) + "x" * (1 << 20)),
        *(extra(lambda found: found, indent=1), extra(lambda found: found, sort_keys=False, separators=(", ", ":"))),
        *(extra(lambda found: [found]), extra(lambda found: 5), extra(lambda found: {**found, "more": 1})),
        *(extra(lambda found: found["sample"].pop("seed") and None), extra(lambda found: {**found, "kind": "x"})),
        *(
            extra(lambda found: found["batch"].update(count=True)),
            extra(lambda found: found["sample"].update(seed=2**64)),
        ),
        *(extra(lambda found: found["sample"].update(seed=-1)), extra(lambda found: found["sample"].update(index=-1))),
        *(
            extra(lambda found: found["sample"].update(seed=1.0)),
            extra(lambda found: found["batch"].update(hashes=["0"])),
        ),
        *(extra(lambda found: found["batch"].update(hashes=[1])), extra(lambda found: found["sample"].update(run="x"))),
        *(extra(lambda found: found["sample"].update(payload="AB" * 32)), extra(lambda found: {**found, "entry": []})),
        *(extra(lambda found: found["sample"].update(flaw="\ud800"), ensure_ascii=True), extra(lambda found: "x")),
        extra(lambda found: found["batch"].update(hashes=["00" * 32] * 65)),
        "\n".join([LINES[0], f"extra {base64.b64encode(b'[' * 100_000).decode()}", *LINES[2:]]),
        "\n".join([LINES[0], f"extra {base64.b64encode(b'9' * 10_000).decode()}", *LINES[2:]]),
    ],
)
def test_a_malformed_proof_is_refused_with_what_to_do(text: str) -> None:
    with pytest.raises(ProofError, match=r"a proof is a file that audit prove wrote, .*; got .*\. Ask for it again"):
        Proof.parse(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"payload": b"x"},
        {"prompt": b"x"},
        {"parameters": b"x" * 31},
        {"run": RUN.upper()},
        {"blind": BLIND},
        {"version": "x"},
    ],
)
def test_fields_whose_length_the_encoding_takes_for_granted_have_it(changes: dict[str, Any]) -> None:
    with pytest.raises(ProofError, match=r"got a sample of version .* with a field of the wrong length"):
        sample(10, **changes)
    with pytest.raises(ProofError, match="wrong length"):
        sample(10, V2, blind=BLIND[1:])


@given(st.text())
def test_whatever_is_read_is_refused_and_never_fails_otherwise(text: str) -> None:
    for one in (text, f"{LINES[0]}\n{text}", f"{LINES[0]}\n{LINES[1]}\n{LINES[2]}\n{text}"):
        with pytest.raises(ProofError):
            Proof.parse(one).check(KEYS)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5), st.data()
)
def test_whatever_json_the_extra_line_holds_never_fails_otherwise(value: Any, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(["kind", "sample", "batch", "entry"]))
    field = data.draw(st.sampled_from(sorted(CHANGES.get(part, {"": 0}))))

    def change(found: dict[str, Any]) -> None:
        if part == "kind" or data.draw(st.booleans()):
            found[part] = value
        else:
            found[part][field] = value

    text = extra(change, ensure_ascii=True)
    with suppress(ProofError):
        assert Proof.parse(text).to_text() == text
        assert Proof.parse(text).check(KEYS)
        assert text == PROOF.to_text()
