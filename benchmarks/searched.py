"""A store to search, and questions to ask it."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Callable, Iterator

from genwright.query import Query
from genwright.searches import containing, similar_to
from genwright.store import Record, Score, Store
from genwright.testing.stores import make_run
from genwright_storage.search import fingerprints
from genwright_storage.search.index import fingerprint_kind, mark
from genwright_storage.store import SQLStore

__all__ = ["alike", "make", "molecules", "questions"]

BATCH, RUNS, PAGE = 1000, 100, 20
RARE = "heliotrope"

_GROUPS = (
    *("C", "CC", "CCC", "C(C)C", "OC", "N(C)C", "F", "Cl", "Br", "I", "C(=O)O", "C(=O)N", "S(=O)(=O)N", "OCC"),
    *("NC(C)=O", "C(F)(F)F", "N2CCOCC2", "N2CCNCC2", "c2ccccc2", "c2ccncc2", "C2CC2", "OCc2ccccc2", "NCc2ccco2"),
)
_CORES = (
    *("c1ccc({})cc1{}", "c1cc({})ccc1{}", "c1nc({})cc({})n1", "C1CCN({})CC1{}", "c1csc({})c1{}", "CC({})C(=O)N{}"),
    *("C(=O)Nc1ccc({})cc1{}", "NS(=O)(=O)c1cc({})ccc1{}"),
)


def molecules(count: int, seed: int = 0) -> Iterator[str]:
    """Yield the SMILES of molecules of some 40 letters, put together from cores and groups; few occur twice."""
    draw = random.Random(seed)
    for _ in range(count):
        core = draw.choice(_CORES).format(draw.choice(_GROUPS), draw.choice(_GROUPS))
        yield f"C({draw.choice(_GROUPS)})({draw.choice(_GROUPS)})C{core}"


def make(store: Store, rows: int) -> None:
    """Put so many molecules of 100 runs, with prompts and scores, and bring the index of texts up to date.

    Each run asked for another logP; every sample has the word "ligand" in its prompt, and one in 50,000 a rare one.
    """
    found, draw = molecules(rows), random.Random(1)
    for number, size in enumerate(_sizes(rows)):
        run = make_run(planned=size, config={"where": {"logP": number / 10}})
        store.put_run(run)
        for start in range(0, size, BATCH):
            count = min(BATCH, size - start)
            store.put_samples([_record(run.id, start + place, smiles, draw) for place, smiles in _first(found, count)])
            store.put_scores(run.id, [Score(metric="QED", value=draw.random(), index=start + i) for i in range(count)])
    next(store.search(Query(match=RARE, where={"logP": 0.0})), None)


def questions(store: Store) -> dict[str, Callable[[], int]]:
    """Return what is asked of such a store; each gives how many hits its first page has."""
    middle = next(store.samples(run=list(store.runs(limit=RUNS))[RUNS // 2].id, limit=1))
    spelling = str(middle.canonical)
    asked = {
        "by identity": Query(identity=middle.identity),
        "by a rare word": Query(match=RARE),
        "by a word that all have": Query(match="ligand"),
        "by two words, one of them rare": Query(match=f"ligand {RARE}"),
        "by a word that none has": Query(match="unheard"),
        "by a part of a text that many have": Query(text="c1ccc("),
        "by a whole text": Query(text=spelling),
        "by a range of scores": Query(scores={"QED": (0.5, 0.6)}),
        "by a narrow range of scores": Query(scores={"QED": (0.5, 0.500001)}),
        "by a range of a condition": Query(where={"logP": (2.0, 3.0)}),
        "by one value of a condition, with a word": Query(where={"logP": 0.0}, match="ligand"),
        "by a score, and a range of a condition": Query(scores={"QED": (0.9, 1.0)}, where={"logP": (2.0, 3.0)}),
    }
    return {name: _asking(store, query) for name, query in asked.items()}


def alike(store: SQLStore, rows: int, *, computed: int = 5000) -> dict[str, Callable[[], int]]:
    """Return questions of structure, after fingerprints were put for all samples: those of a few thousand, repeated."""
    from genwright_molecules.domain import MoleculesDomain

    made = MoleculesDomain().fingerprints(list(molecules(min(computed, rows))))
    with store.database.writing() as connection:
        for kind, bits in made.items():
            for start in range(0, rows, BATCH):
                page = [(id + 1, bits[id % len(bits)] or b"") for id in range(start, min(start + BATCH, rows))]
                fingerprints.add(connection, f"molecules/{kind}", page)
        mark(connection, fingerprint_kind("molecules"), rows)
    target = next(molecules(1))
    asked = {
        "similarity of 0.6 or more": Query(like=similar_to(target, at_least=0.6)),
        "similarity of 0.9 or more": Query(like=similar_to(target, at_least=0.9)),
        "a substructure that many have": Query(part=containing("c1ccccc1")),
        "a substructure that none has": Query(part=containing("C1CCCCCCC1CBr")),
    }
    return {name: _asking(store, query) for name, query in asked.items()}


def _asking(store: Store, query: Query) -> Callable[[], int]:
    return lambda: sum(1 for _ in itertools.islice(store.search(query), PAGE))


def _sizes(rows: int) -> list[int]:
    return [len(range(start, rows, RUNS)) for start in range(min(RUNS, rows))]


def _first(found: Iterator[str], count: int) -> Iterator[tuple[int, str]]:
    return enumerate(itertools.islice(found, count))


def _record(run: str, index: int, smiles: str, draw: random.Random) -> Record:
    prompt = f"a ligand like {draw.randrange(10**6):06d}"
    return Record(
        run=run,
        index=index,
        seed=7,
        payload=smiles.encode(),
        media_type="chemical/x-daylight-smiles",
        canonical=smiles,
        identity=hashlib.md5(f"{smiles} {run} {index}".encode()).hexdigest()[:27].upper(),
        prompt=f"{prompt} {RARE}" if draw.random() < 2e-5 else prompt,
    )
