from __future__ import annotations

import hashlib
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from genwright.datasets import digest, fetch, find, locate, still_there
from genwright.errors import DataError, UnknownName
from genwright.folders import cache_folder
from genwright.specs import DatasetSpec

CONTENT = b"x..x..x.\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GENWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENWRIGHT_DATA_MIRROR", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def site_url(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "claves.txt").write_bytes(CONTENT)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def dataset(url: str, *, sha256: str = SHA256, mirrors: tuple[str, ...] = ()) -> DatasetSpec:
    return DatasetSpec(
        name="claves", target="a:b", summary="", domain="rhythms", url=url, sha256=sha256, licence="CC0-1.0", rows=1,
        origin="genwright-rhythms 1.0", mirrors=mirrors,
    )  # fmt: skip


@pytest.fixture
def claves(install: Callable[..., None]) -> None:
    install(
        "rhythms",
        f"""
        from genwright.hooks import hookimpl
        from genwright.specs import DatasetSpec
        @hookimpl
        def register_datasets():
            yield DatasetSpec(name="claves", target="a:b", summary="", domain="rhythms", url="", sha256="{SHA256}",
                              licence="CC0-1.0", rows=1)
        """,
    )


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("x")
    assert locate(file) == file
    assert locate(str(file)) == file
    assert locate(tmp_path) == tmp_path


def test_a_path_that_does_not_exist_is_told_so() -> None:
    with pytest.raises(DataError, match=r"data are a file, a folder or a named data set; no\.txt does not exist"):
        locate("no.txt")


def test_a_name_that_is_too_long_for_a_path_is_unknown() -> None:
    """The system once answered in its own way."""
    with pytest.raises(UnknownName, match="there is no dataset named 'xxx"):
        locate("x" * 300)


def test_a_file_that_cannot_be_read_keeps_nobody_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One such file in the mirror once took the whole list of data sets down."""
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "a.txt").write_bytes(b"secret")
    (tmp_path / "mirror" / "b.txt").write_bytes(CONTENT)
    monkeypatch.setenv("GENWRIGHT_DATA_MIRROR", str(tmp_path / "mirror"))
    opened = Path.open

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    assert find(dataset("http://nowhere.invalid/claves.txt")) == tmp_path / "mirror" / "b.txt"
    with pytest.raises(DataError, match=r"a\.txt cannot. Check that it is there, and its permissions."):
        digest(tmp_path / "mirror" / "a.txt")


def test_an_unknown_name_is_met_with_near_ones(claves: None) -> None:
    with pytest.raises(UnknownName, match=r"no dataset named 'clave'\. Did you mean 'claves'"):
        locate("clave")


def test_a_name_comes_before_a_folder_of_the_same_name(
    claves: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "claves").mkdir()
    mirrored = tmp_path / "mirror.txt"
    mirrored.write_bytes(CONTENT)
    monkeypatch.setenv("GENWRIGHT_DATA_MIRROR", str(tmp_path))
    assert locate("claves") == mirrored
    assert locate("./claves") == Path("claves")


def test_a_mirror_is_searched_by_digest_whatever_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "mirror" / "deep"
    deep.mkdir(parents=True)
    (deep / "odd.bin").write_bytes(CONTENT)
    (deep / "other.txt").write_bytes(b"other")
    monkeypatch.setenv("GENWRIGHT_DATA_MIRROR", str(tmp_path / "mirror"))
    assert find(dataset("http://nowhere.invalid/claves.txt")) == deep / "odd.bin"
    assert find(dataset("", sha256="0" * 64, mirrors=(SHA256,))) == deep / "odd.bin"
    assert find(dataset("", sha256="0" * 64)) is None


def test_a_mirror_that_is_no_folder_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENWRIGHT_DATA_MIRROR", str(tmp_path / "gone"))
    with pytest.raises(DataError, match=r"GENWRIGHT_DATA_MIRROR names a folder with data sets; .*gone is none"):
        find(dataset("http://nowhere.invalid/claves.txt"))


def test_a_digest_is_computed_again_only_when_the_file_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a"
    file.write_bytes(CONTENT)
    assert digest(file) == SHA256
    file.write_bytes(CONTENT + b"more")
    assert digest(file) == hashlib.sha256(CONTENT + b"more").hexdigest()
    monkeypatch.setattr("genwright.datasets._digest", lambda path: pytest.fail("computed again"))
    assert digest(file) == hashlib.sha256(CONTENT + b"more").hexdigest()


def test_the_digest_of_a_folder_is_of_the_names_and_bytes_of_its_files(tmp_path: Path) -> None:
    digests = set()
    for name, content in [("a", b"1"), ("b", b"1"), ("b", b"2"), ("deep/b", b"2")]:
        folder = tmp_path / str(len(digests)) / "data"
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_bytes(content)
        digests.add(digest(folder))
    assert len(digests) == 4
    assert digest(shutil.copytree(folder, tmp_path / "copy")) == digest(folder)


def test_a_damaged_index_of_digests_is_made_anew(tmp_path: Path, cache: Path) -> None:
    cache.mkdir()
    (cache / "digests.json").write_text("[")
    file = tmp_path / "a"
    file.write_bytes(CONTENT)
    assert digest(file) == SHA256


def test_a_file_inside_a_package_is_found_without_importing_it(site: Path, install: Callable[..., None]) -> None:
    package = site / "rhythm_data"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemError('imported')")
    (package / "claves.txt").write_bytes(CONTENT)
    assert find(dataset("package://rhythm_data/claves.txt")) == package / "claves.txt"
    with pytest.raises(DataError, match=r"should lie in the package rhythm_data as gone\.txt; it does not"):
        find(dataset("package://rhythm_data/gone.txt"))
    with pytest.raises(
        DataError, match=r"has SHA-256 000.*claves\.txt has another\. Install the release of rhythm_data"
    ):
        find(dataset("package://rhythm_data/claves.txt", sha256="0" * 64))


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(DataError, match=r"lies in the package no_such_pkg, which is not installed\. Run: pip install"):
        find(dataset("package://no_such_pkg/claves.txt"))


def test_what_is_fetched_is_in_the_cache_afterwards(site_url: str) -> None:
    spec = dataset(f"{site_url}/claves.txt?raw=1")
    assert find(spec) is None
    path = fetch(spec)
    assert path.name == "claves.txt"
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(cache_folder())
    assert find(spec) == path


def test_another_file_than_the_digest_says_is_not_kept(site_url: str, cache: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"has SHA-256 000.*claves\.txt gives has another\. It was not kept\..*ask genwright-rhythms 1\.0",
    ):
        fetch(dataset(f"{site_url}/claves.txt", sha256="0" * 64))
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_an_address_that_cannot_be_reached_says_what_to_do(site_url: str, cache: Path) -> None:
    with pytest.raises(DataError, match=r"which failed: 404 File not found.*GENWRIGHT_DATA_MIRROR"):
        fetch(dataset(f"{site_url}/gone.txt"))
    with pytest.raises(DataError, match=r"which failed: .*refused.*Check the network"):
        fetch(dataset("http://127.0.0.1:9/claves.txt"))
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_data_set_without_an_address_says_where_to_put_it() -> None:
    with pytest.raises(DataError, match=rf"is at no known address\. Put a file with SHA-256 {SHA256} into a folder"):
        fetch(dataset(""))


def test_data_that_a_digest_names_are_found_again_while_they_are_the_same(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_bytes(CONTENT)
    assert still_there(str(file), SHA256) == file
    assert still_there(str(file), "0" * 64) is None
    assert still_there(str(tmp_path / "gone.txt"), SHA256) is None
    assert still_there("x" * 300, SHA256) is None


def test_a_named_data_set_is_found_again_without_fetching_it(
    claves: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert still_there("claves", SHA256) is None
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "any.txt").write_bytes(CONTENT)
    monkeypatch.setenv("GENWRIGHT_DATA_MIRROR", str(tmp_path / "mirror"))
    assert still_there("claves", SHA256) == tmp_path / "mirror" / "any.txt"
    assert still_there("claves", "0" * 64) is None
    monkeypatch.setenv("GENWRIGHT_DATA_MIRROR", str(tmp_path / "nowhere"))
    assert still_there("claves", SHA256) is None
