"""Searching by structure and by looks, with real molecules and images, from the command line."""

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genwright as gw
from genwright.cli import main
from genwright.errors import UnknownName
from genwright.memory import MemoryStore
from genwright.query import Query
from genwright.registry import discover
from genwright.searches import containing, similar_to
from genwright.store import Record, Store
from genwright.testing.stores import make_record, make_run
from genwright_images.domain import Images
from genwright_storage.search.index import Index
from genwright_storage.store import SQLStore

SMILES = (
    *("CCO", "c1ccccc1", "CC(=O)Oc1ccccc1C(=O)O", "CC(=O)Nc1ccc(O)cc1", "C1=CC=CC=C1O", "CCCCCCCC", "OCC", "C("),
    *("CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "CC(C)Cc1ccc(cc1)C(C)C(=O)O", "Oc1ccccc1C(=O)O", "", "[Na+].[Cl-]"),
)
Run = Callable[..., tuple[int, list[dict[str, object]]]]


def pictures() -> list[Image.Image]:
    noise = np.random.default_rng(0).uniform(0, 255, (12, 8, 8)).astype(np.uint8)
    found = [Image.fromarray(one).resize((32, 32), Image.Resampling.BICUBIC) for one in noise]
    return [*found, found[3].point(lambda level: level // 2), Image.new("L", (32, 32))]


def fill(store: Store) -> None:
    molecules, images = make_run(id="a" * 32, domain="molecules"), make_run(id="b" * 32, domain="images")
    for run in (molecules, images):
        store.put_run(run)
    records = [make_record(molecules, n, payload=text.encode(), canonical=text) for n, text in enumerate(SMILES)]
    store.put_samples([replace(record, flaw="bad" if record.payload == b"C(" else None) for record in records])
    drawn = [Images().to_bytes(image) for image in pictures()]
    store.put_samples([make_record(images, n, payload=p, media_type="image/png") for n, p in enumerate(drawn)])
    large = Images().to_bytes(Image.effect_noise((400, 400), 90))
    assert len(large) > 65536
    store.put_samples([make_record(images, 99, payload=large, media_type="image/png")])


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'store'}"
    with closing(SQLStore(url)) as store:
        fill(store)
    return url


@pytest.fixture
def search(url: str, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*options: str) -> tuple[int, list[dict[str, object]]]:
        code = main(["samples", "search", *options, "--json", "--store", url])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return call


def test_molecules_are_found_by_what_they_contain(search: Run) -> None:
    code, found = search("--substructure", "c1ccccc1O")
    assert code == 0
    assert [one["item"] for one in found] == [SMILES[n] for n in (10, 4, 3, 2)]
    assert [one["item"] for one in search("--substructure", "[OX2H]c")[1]] == [SMILES[n] for n in (10, 4, 3)]
    assert search("--substructure", "C1CCCCCCC1")[0] == 1


def test_molecules_are_found_by_similarity_the_most_similar_first(search: Run) -> None:
    found = search("--similar", "OC(=O)c1ccccc1O", "--at-least", "0.3")[1]
    assert [one["item"] for one in found][:2] == [SMILES[10], SMILES[2]]
    assert found[0]["value"] == 1.0
    values = [float(str(one["value"])) for one in found]
    assert values == sorted(values, reverse=True)
    assert min(values) >= 0.3
    rest = search("--similar", "OC(=O)c1ccccc1O", "--at-least", "0.3", "--after", str(found[0]["cursor"]))[1]
    assert rest == found[1:]


def test_pictures_are_found_by_what_they_look_like(search: Run, tmp_path: Path) -> None:
    path = tmp_path / "third.png"
    pictures()[3].resize((100, 100)).save(path)
    found = search("--near", str(path))[1]
    assert {one["index"] for one in found} == {3, 12}
    assert [float(str(one["value"])) <= 8 for one in found] == [True, True]


@pytest.mark.parametrize(
    "query",
    [
        Query(part=containing("c1ccccc1")),
        Query(part=containing("C"), match="cco"),
        Query(like=similar_to("CCO", at_least=0.1)),
        Query(like=similar_to("CCO", at_least=0.1), part=containing("O"), valid=True),
        Query(like=similar_to("CCO", at_least=0.0), text="OCC"),
    ],
)
def test_the_answers_are_the_same_indexed_and_not_and_in_memory(url: str, query: Query) -> None:
    memory = MemoryStore()
    fill(memory)
    expected = told(memory, query)
    assert expected
    with closing(SQLStore(f"{url}?mode=ro")) as store:
        assert told(store, query) == expected
    with closing(SQLStore(url)) as store:
        assert told(store, query) == expected
        with store.database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM fingerprint").scalar() == 2
    with closing(SQLStore(f"{url}?mode=ro")) as store:
        assert told(store, query) == expected


def told(store: Store, query: Query) -> list[tuple[Record, float | None]]:
    return [(hit.record, hit.value) for hit in store.search(query)]


def test_without_plugins_texts_are_searched_and_structures_say_what_is_missing(
    url: str, search: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    query = Query(like=similar_to("CCO", at_least=0.1))
    bare = discover(only=["storage"])
    for module in ("genwright.searches", "genwright_storage.search.index", "genwright_storage.search.answers"):
        monkeypatch.setattr(f"{module}.registry", lambda: bare)
    assert [one["item"] for one in search("c1cccc", "--match", "OC1CCCCC1C")[1]] == [SMILES[10], SMILES[2]]
    assert len(search("--where", "logP=2..3")[1]) == 20
    assert main(["samples", "search", "--similar", "CCO", "--store", url]) == 2
    assert "Install one, such as genwright-molecules." in capsys.readouterr().err
    with closing(SQLStore(url)) as store:
        Index(store.database, store.blobs).catch_up_all()
        with pytest.raises(UnknownName, match="there is no domain named 'molecules'"):
            list(store.search(query))


@pytest.mark.parametrize("text", ["", "C(", "[" * 300, "C" * 20_000, "\udcff", "' OR 1=1", "c1ccccc1 x"])
def test_what_is_no_molecule_is_refused(text: str, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--similar", "--substructure"):
        assert main(["samples", "search", f"{option}={text}", "--store", url]) == 2
        assert "got " in capsys.readouterr().err


def test_a_file_that_is_no_picture_is_refused(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "x.png").write_bytes(b"no picture")
    for name in ("x.png", "absent.png"):
        assert main(["samples", "search", "--near", str(tmp_path / name), "--store", url]) == 1
        assert name in capsys.readouterr().err


def test_what_is_generated_is_found(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store'}"
    batch = gw.generate("molecules", 8, seed=7, where={"logP": 2.5}, store=url)
    (hit,) = gw.search(similar=batch[3].item, at_least=1.0, where={"logP": (2.0, 3.0)}, store=url, limit=1)
    assert hit.record.canonical == batch[3].canonical
    assert gw.search(where={"logP": (3.0, 4.0)}, store=url) == []
