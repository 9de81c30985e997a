import fcntl
import multiprocessing
import os
import stat
import unicodedata
from pathlib import Path

import platformdirs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genwright.errors import StoreError
from genwright_storage.keys import KeyRing, file_name, keys_folder
from genwright_storage.notes import Head, SigningKey, opened, signed_note

ORIGIN = "example.org/store"
HOSTILE = ["../../x", "/etc/passwd", "a/../../b", "..", ".", "a\\b", "CON", "-rf", "é", "x" * 1000, "☃/𐍈", "~", "$HOME"]


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "config" / "keys")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(ring: KeyRing) -> list[str]:
    return sorted(path.name for path in ring.folder.iterdir())


def test_the_folder_is_that_of_the_environment_or_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GENWRIGHT_KEYS", str(tmp_path))
    assert keys_folder() == KeyRing().folder == tmp_path
    monkeypatch.setenv("GENWRIGHT_KEYS", "")
    assert keys_folder() == Path(platformdirs.user_config_dir("genwright", appauthor=False)) / "keys"


def test_looking_for_a_key_makes_nothing(ring: KeyRing) -> None:
    assert ring.signing(ORIGIN) is None
    assert ring.trusted(ORIGIN) == []
    assert not ring.folder.exists()


def test_a_created_key_is_the_owners_alone_and_trusted(ring: KeyRing) -> None:
    before = os.umask(0)
    try:
        key = ring.create(ORIGIN)
    finally:
        os.umask(before)
    assert mode(ring.folder) == 0o700
    assert mode(ring.path(ORIGIN)) == 0o600
    assert ring.trusted(ORIGIN) == [key.verifier]
    again = KeyRing(ring.folder).signing(ORIGIN)
    assert again is not None
    assert again.verifier == key.verifier
    assert len(files(ring)) == 2


def test_a_key_is_not_created_over_another(ring: KeyRing) -> None:
    key = ring.create(ORIGIN)
    with pytest.raises(
        StoreError, match=r"a new key for 'example.org/store' was asked for; .* is there already\. Choose another name"
    ):
        ring.create(ORIGIN)
    found = ring.signing(ORIGIN)
    assert found is not None
    assert found.verifier == key.verifier
    assert ring.trusted(ORIGIN) == [key.verifier]


def replaced(ring: KeyRing) -> tuple[SigningKey | None, SigningKey]:
    old, new = ring.signing(ORIGIN), ring.prepare(ORIGIN)
    ring.promote(ORIGIN, new.verifier)
    return old, new


def test_a_prepared_key_is_held_and_not_in_use(ring: KeyRing) -> None:
    first, new = ring.create(ORIGIN), ring.prepare(ORIGIN)
    found = ring.signing(ORIGIN)
    assert found is not None
    assert found.verifier == first.verifier
    assert ring.trusted(ORIGIN) == [first.verifier]
    for key in (first, new):
        held = ring.held(ORIGIN, str(key.verifier))
        assert held is not None
        assert held.verifier == key.verifier
    ring.promote(ORIGIN, new.verifier)
    retired = ring.held(ORIGIN, str(first.verifier))
    assert retired is not None
    assert ring.held(ORIGIN, str(SigningKey.generate(ORIGIN).verifier)) is None


def test_a_replaced_key_is_retired_and_stays_trusted(ring: KeyRing) -> None:
    first = ring.create(ORIGIN)
    old, new = replaced(ring)
    assert old is not None
    assert old.verifier == first.verifier != new.verifier
    assert ring.trusted(ORIGIN) == [first.verifier, new.verifier]
    (retired,) = ring.folder.glob("*.retired.pem")
    assert mode(retired) == mode(ring.path(ORIGIN)) == 0o600
    assert SigningKey.from_pem(ORIGIN, retired.read_bytes()).verifier == first.verifier
    found = ring.signing(ORIGIN)
    assert found is not None
    assert found.verifier == new.verifier
    for key in (first, new):
        head = Head(origin=ORIGIN, size=1, root=bytes(32))
        assert opened(signed_note(head.text, key.signature(head.text)), ring.trusted(ORIGIN)) == head


def test_replacing_where_there_is_no_key_creates_one(ring: KeyRing) -> None:
    old, new = replaced(ring)
    assert old is None
    assert ring.trusted(ORIGIN) == [new.verifier]


@pytest.mark.parametrize("step", ["link", "replace", "fsync"])
def test_a_replacement_that_fails_leaves_the_old_key_in_use(
    ring: KeyRing, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ring.create(ORIGIN)

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(StoreError, match="No space left"):
            replaced(ring)
    found = ring.signing(ORIGIN)
    assert found is not None
    assert found.verifier == first.verifier
    assert not [name for name in files(ring) if name.endswith(".part")]
    old, _ = replaced(ring)
    assert old is not None
    assert old.verifier == first.verifier


def test_the_keys_of_others_are_trusted_once(ring: KeyRing) -> None:
    own, witness = ring.create(ORIGIN), SigningKey.generate("witness.example").witness
    for _ in range(2):
        assert ring.trust(ORIGIN, str(witness)) == witness
    assert ring.trusted(ORIGIN) == [own.verifier, witness]
    assert ring.path(ORIGIN).with_suffix(".pub").read_text() == f"{own.verifier}\n{witness}\n"
    assert ring.trusted("example.org/other") == []


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o660, 0o644, 0o620, 0o601])
def test_a_private_key_that_others_may_read_is_refused(ring: KeyRing, rights: int) -> None:
    ring.create(ORIGIN)
    path = ring.path(ORIGIN)
    path.chmod(rights)
    with pytest.raises(StoreError, match=rf"should be its owner's alone; .* \({rights:o}\)\. Run: chmod 600 {path}"):
        ring.signing(ORIGIN)
    path.chmod(0o600)
    assert ring.signing(ORIGIN) is not None


def test_a_file_of_trusted_keys_that_others_may_write_is_refused(ring: KeyRing) -> None:
    ring.create(ORIGIN)
    path = ring.path(ORIGIN).with_suffix(".pub")
    path.chmod(0o664)
    with pytest.raises(StoreError, match=rf"Check what it says, then run: chmod 644 {path}"):
        ring.trusted(ORIGIN)


def test_a_damaged_line_is_named(ring: KeyRing) -> None:
    ring.create(ORIGIN)
    path = ring.path(ORIGIN).with_suffix(".pub")
    path.write_bytes(path.read_bytes() + b"\xff\n")
    with pytest.raises(StoreError, match=r"should have one public key a line; line 2: a public key is name"):
        ring.trusted(ORIGIN)
    with pytest.raises(StoreError, match="line 2"):
        ring.trust(ORIGIN, str(SigningKey.generate("w").witness))


def test_a_damaged_private_key_is_refused(ring: KeyRing) -> None:
    ring.create(ORIGIN)
    ring.path(ORIGIN).write_bytes(b"")
    with pytest.raises(StoreError, match="cannot be read"):
        ring.signing(ORIGIN)


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "keys"):
        with pytest.raises(
            StoreError, match=r"the keys in .* were asked for; .*\. Check its permissions, or name another"
        ):
            KeyRing(folder).create(ORIGIN)


@pytest.mark.parametrize("origin", HOSTILE)
def test_no_origin_leads_out_of_the_folder(ring: KeyRing, origin: str) -> None:
    key = ring.create(origin)
    ring.promote(origin, ring.prepare(origin).verifier)
    ring.prepare(origin)
    ring.remember(origin, origin)
    assert ring.remembered(origin) == origin.strip()
    everything = {path for path in ring.folder.parent.rglob("*") if path.is_file()}
    assert {path.parent for path in everything} == {ring.folder}
    assert len(everything) == 5
    assert ring.trusted(origin)[0] == key.verifier


@pytest.mark.parametrize("origin", ["", "a\x00b", "a b", "a+b", "a\nb", "\ud800", "x" * 1001])
def test_an_origin_that_no_log_may_have_is_refused(ring: KeyRing, origin: str) -> None:
    for use in (ring.create, ring.signing, ring.prepare, ring.trusted, lambda one: ring.trust(one, "x+00000000+AA==")):
        with pytest.raises(StoreError):
            use(origin)
    with pytest.raises(StoreError, match=r"the origin of a log is one word .* Choose another"):
        ring.path(origin)
    assert not ring.folder.exists()


@given(st.text())
def test_a_file_name_is_short_and_plain(origin: str) -> None:
    name = file_name(origin)
    assert name.isascii()
    assert name.replace("_", "").replace("-", "").replace(".", "").isalnum()
    assert not name.startswith(".")
    assert len(name) < 100


def test_names_that_look_alike_have_files_of_their_own() -> None:
    composed, apart = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")
    origins = [composed, apart, "a/b", "a_b", "A/b", "a.b", "x" * 200, "x" * 201, "a\x00b", "\ud800", "\udfff"]
    assert len({file_name(origin).casefold() for origin in origins}) == len(origins)


def _create(folder: Path, results: "multiprocessing.SimpleQueue[str]") -> None:
    try:
        results.put(str(KeyRing(folder).create(ORIGIN).verifier))
    except StoreError:
        results.put("")


def test_of_several_processes_one_creates_the_key(ring: KeyRing) -> None:
    context = multiprocessing.get_context("spawn")
    results = context.SimpleQueue()
    processes = [context.Process(target=_create, args=(ring.folder, results)) for _ in range(4)]
    for process in processes:
        process.start()
    made = sorted(results.get() for _ in processes)
    for process in processes:
        process.join()
    assert made[:-1] == ["", "", ""]
    assert list(map(str, ring.trusted(ORIGIN))) == made[-1:]


def test_a_folder_that_another_process_holds_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genwright_storage.keys._PATIENCE", 0.05)
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"by one process at a time; another holds .* for 0 seconds. Wait for it"):
            KeyRing(tmp_path).create("example.org/log")
    finally:
        os.close(handle)
    KeyRing(tmp_path).create("example.org/log")
