import struct
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from genwright.errors import ProofError
from genwright_storage.notes import (
    Head,
    Note,
    Signature,
    SigningKey,
    VerifierKey,
    cosign,
    from_base64,
    is_key_name,
    opened,
    signed_note,
    to_base64,
    witnessed,
)

# The key, text and signature that golang.org/x/mod/sumdb/note is tested with; its key is public on purpose.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETERS_SEED = from_base64("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz") or b""
PETERS_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETERS_NOTE = (
    f"{PETERS_TEXT}\n\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# A head that witnesses of transparency.dev are tested with.
MONKEYS = "monkeys+db4d9f7e+AULaJMvTtDLHPUcUrjdDad9vDlh/PTfC2VV60JUtCfWT"
MONKEYS_NOTE = (
    "monkeys\n5\n41smjBUiAU70EtKlT6lIOIYtRTYxYXsDB+XHfcvu/BE=\n\n\u2014 monkeys "
    "202fftzGl3LVoqjXfwCFZZXs8I+5G22+Ek2K0AOyBuSJ/8/CZawNF+6fNlTKOCd622pbzJNkkJFWuw9DbicZCkEx9AY=\n"
)
# The cosignature that c2sp.org/tlog-cosignature shows, made at the time 1679315147.
COSIGNED = (
    "\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ"
    "qhf5nNo0xUe+mbIUBkBIfZ+qnA=="
)

LOG = SigningKey(name="example.org/store", private=Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = SigningKey(name="witness.example", private=Ed25519PrivateKey.from_private_bytes(bytes(32)))
HEAD = Head(origin=LOG.name, size=7, root=b"\x22" * 32)
NOTE = signed_note(HEAD.text, LOG.signature(HEAD.text))
KEYS = [LOG.verifier, WITNESS.witness]


def test_a_published_note_is_verified() -> None:
    key, note = VerifierKey.parse(PETER), Note.parse(PETERS_NOTE)
    assert note.text == PETERS_TEXT
    assert [found for found, _ in note.verified([key])] == [key]
    assert str(note) == PETERS_NOTE


def test_the_published_key_signs_the_published_note() -> None:
    key = SigningKey(name="PeterNeumann", private=Ed25519PrivateKey.from_private_bytes(PETERS_SEED[1:]))
    assert str(key.verifier) == PETER
    assert signed_note(PETERS_TEXT, key.signature(PETERS_TEXT)) == PETERS_NOTE


def test_a_published_head_is_opened() -> None:
    head = opened(MONKEYS_NOTE, [VerifierKey.parse(MONKEYS)])
    assert (head.origin, head.size, len(head.root)) == ("monkeys", 5, 32)
    assert MONKEYS_NOTE.startswith(f"{head.text}\n")


def test_a_published_cosignature_has_its_time() -> None:
    signature = Signature.parse(COSIGNED)
    assert signature.time == 1679315147
    assert len(signature.data) == 72
    assert str(signature) == COSIGNED


def test_a_signed_head_is_opened_by_its_public_key() -> None:
    assert opened(NOTE, [LOG.verifier]) == HEAD
    assert opened(NOTE, [VerifierKey.parse(str(LOG.verifier))]) == HEAD


def test_extension_lines_are_kept_and_signed() -> None:
    head = replace(HEAD, extensions=("one", "two words"))
    note = signed_note(head.text, LOG.signature(head.text))
    assert opened(note, KEYS) == head
    with pytest.raises(ProofError, match="does not hold"):
        opened(note.replace("two words", "two  words"), KEYS)


def test_every_changed_character_of_a_signed_head_is_refused() -> None:
    for place, letter in enumerate(NOTE):
        for other in {chr(ord(letter) ^ 1), "\n", " ", "A", ""} - {letter}:
            with pytest.raises(ProofError):
                opened(NOTE[:place] + other + NOTE[place + 1 :], KEYS)


def test_the_key_of_another_log_does_not_speak_for_this_one() -> None:
    other = SigningKey.generate("example.org/other")
    note = signed_note(HEAD.text, other.signature(HEAD.text))
    with pytest.raises(ProofError, match="none is by a known key of that log"):
        opened(note, [other.verifier, LOG.verifier])


def test_a_head_by_unknown_keys_only_is_refused() -> None:
    with pytest.raises(ProofError, match=r"the head of 'example.org/store' needs a signature .* Do not rely on it"):
        opened(NOTE, [SigningKey.generate(LOG.name).verifier])
    with pytest.raises(ProofError, match="none is by a known key"):
        opened(NOTE, [])


def test_a_witness_alone_does_not_make_a_head() -> None:
    note = signed_note(HEAD.text, cosign(WITNESS, HEAD.text, 5))
    with pytest.raises(ProofError, match="none is by a known key of that log"):
        opened(note, KEYS)


def test_signatures_by_unknown_keys_are_ignored() -> None:
    stranger = SigningKey.generate("stranger.example")
    note = signed_note(HEAD.text, stranger.signature(HEAD.text), LOG.signature(HEAD.text))
    assert opened(note, KEYS) == HEAD


def test_a_bad_signature_by_a_known_key_is_refused_beside_a_good_one() -> None:
    good = LOG.signature(HEAD.text)
    bad = replace(good, data=bytes(64))
    with pytest.raises(ProofError, match=r"that by example.org/store\+[0-9a-f]{8} does not hold"):
        opened(signed_note(HEAD.text, good, bad), KEYS)


def test_cosignatures_say_who_saw_a_head_and_when() -> None:
    note = signed_note(HEAD.text, LOG.signature(HEAD.text), *(cosign(WITNESS, HEAD.text, time) for time in (9, 5)))
    assert opened(note, KEYS) == HEAD
    assert witnessed(note, KEYS) == {WITNESS.witness: 9}
    assert witnessed(note, [LOG.verifier]) == {}


def test_the_time_of_a_cosignature_is_signed() -> None:
    signature = cosign(WITNESS, HEAD.text, 9)
    assert Signature.parse(str(signature)).time == 9
    changed = replace(signature, data=struct.pack(">Q", 10) + signature.data[8:])
    with pytest.raises(ProofError, match=r"that by witness.example\+\w+ does not hold"):
        opened(signed_note(HEAD.text, LOG.signature(HEAD.text), changed), KEYS)


def test_a_key_cannot_witness_as_a_log_signs() -> None:
    assert LOG.verifier.id != LOG.witness.id
    assert not LOG.witness.verify(HEAD.text.encode(), LOG.sign(HEAD.text.encode()))
    assert not LOG.verifier.verify(HEAD.text.encode(), cosign(LOG, HEAD.text, 1).data)


def test_no_part_of_a_public_key_is_taken_for_it() -> None:
    for first in range(len(PETER)):
        for last in range(first + 1, len(PETER) + 1):
            if (first, last) != (0, len(PETER)):
                with pytest.raises(ProofError):
                    VerifierKey.parse(PETER[first:last])
    for place, letter in enumerate(PETER):
        with pytest.raises(ProofError):
            VerifierKey.parse(PETER[:place] + chr(ord(letter) + 1) + PETER[place + 1 :])


def test_a_public_key_that_is_none_is_refused_with_what_to_do() -> None:
    with pytest.raises(ProofError, match=r"a public key is name\+id\+base64, .*; got 'x'\. Copy the whole line"):
        VerifierKey.parse("x")
    for key in (b"\x01" + bytes(31), b"\x02" + bytes(32)):
        with pytest.raises(ProofError, match=r"a public key is 32 bytes of Ed25519, .* Ask for the key again"):
            VerifierKey.parse(f"n+00000000+{to_base64(key)}")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\x00b", "a\u2003b", "\ud800", "x" * 1001])
def test_a_name_that_no_key_may_have_is_refused(name: str) -> None:
    assert not is_key_name(name)
    with pytest.raises(ProofError, match=r"the name of a key is 1 to 1,000 .* Choose one such as example.org/store"):
        SigningKey.generate(name)


def test_a_private_key_survives_its_file_and_is_never_shown() -> None:
    again = SigningKey.from_pem(LOG.name, LOG.to_pem())
    assert again.verifier == LOG.verifier
    assert again.sign(b"x") == LOG.sign(b"x")
    assert repr(LOG) == "SigningKey(name='example.org/store')"


def test_a_private_key_that_cannot_be_read_is_refused() -> None:
    other = generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for data in (b"", b"x", LOG.to_pem()[:60], other):
        with pytest.raises(ProofError, match=r"of 'n' should be Ed25519 in PEM; it cannot be read\. Restore it"):
            SigningKey.from_pem("n", data)


ROOT = to_base64(bytes(32))
SIGNATURE = str(LOG.signature(HEAD.text))


@pytest.mark.parametrize(
    "text",
    [
        *("", "\n", "o", "o\n", "o\n1\n", f"o\n1\n{ROOT}", f"\n1\n{ROOT}\n", f"o\n01\n{ROOT}\n", f"o\n-1\n{ROOT}\n"),
        *(
            f"o\n+1\n{ROOT}\n",
            f"o\n1_0\n{ROOT}\n",
            f"o\n\u0661\n{ROOT}\n",
            f"o\n{2**63}\n{ROOT}\n",
            f"o\n1\n{ROOT[:-1]}\n",
        ),
        *(f"o\n1\n{ROOT}\n\n", f"o\n1\n{ROOT}\ne", f"o\n1\n{ROOT}\n\ne\n", f"o\n1\n{to_base64(bytes(31))}\n"),
        *(f"o\n{'9' * 5000}\n{ROOT}\n", f"o\n1 \n{ROOT}\n", f"o\n1\n{ROOT[:-2]}B=\n", f"o\r\n1\n{ROOT}\n"),
    ],
)
def test_a_text_that_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ProofError, match=r"a (signed )?head is .*; got .*\. (Ask for it again|Correct it)"):
        Head.parse(text)


@pytest.mark.parametrize(
    "note",
    [
        *("", "\n\n", HEAD.text, f"{HEAD.text}\n", NOTE[:-1], f"{NOTE}\n", f"\n\n{SIGNATURE}\n", f"{NOTE}x\n"),
        *(NOTE.replace("\u2014", "-"), NOTE.replace("\n", "\r\n"), NOTE.replace("7", "\x007"), f"\ud800{NOTE}"),
        *(f"{HEAD.text}\n\u2014 a AAAA\n", f"{HEAD.text}\n\u2014 a+b AAAAAAA=\n", f"{HEAD.text}\n\u2014  AAAAAAA=\n"),
        *(NOTE + f"{SIGNATURE}\n" * 100, "x" * (1 << 20) + NOTE, f"{HEAD.text}\n\u2014 a AAAAAAB=\n"),
    ],
)
def test_a_note_that_is_malformed_is_refused(note: str) -> None:
    with pytest.raises(ProofError, match=r"a signed head is text, an empty line and signatures; got .* Ask for it"):
        Note.parse(note)
    with pytest.raises(ProofError):
        opened(note, KEYS)


def test_a_hundred_signatures_are_read() -> None:
    note = NOTE + f"{SIGNATURE}\n" * 99
    assert opened(note, KEYS) == HEAD


def test_a_head_cannot_smuggle_in_a_line() -> None:
    with pytest.raises(ProofError, match=r"a head is an origin of one line, .* Correct it"):
        Head(origin="a\nb", size=1, root=bytes(32))
    with pytest.raises(ProofError, match="a signed head is text"):
        signed_note("no end of the line", LOG.signature(""))


@given(st.text(), st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32), st.lists(st.text()))
def test_every_head_is_read_back_as_it_was_written(origin: str, size: int, root: bytes, lines: list[str]) -> None:
    try:
        head = Head(origin=origin, size=size, root=root, extensions=tuple(lines))
    except ProofError:
        return
    assert Head.parse(head.text) == head


@given(st.text(), st.text())
def test_whatever_is_opened_is_refused_and_never_fails_otherwise(note: str, key: str) -> None:
    with pytest.raises(ProofError):
        opened(note, KEYS)
    with pytest.raises(ProofError):
        VerifierKey.parse(key)


@given(st.binary())
def test_base64_has_one_spelling(data: bytes) -> None:
    text = to_base64(data)
    assert from_base64(text) == data
    assert from_base64(f"{text}\n") is None
    assert from_base64(f"{text}=") is None
    assert from_base64(text[:-1]) is None or not text
