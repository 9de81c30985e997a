from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.searched import alike, make, molecules, questions
from genwright_storage.store import SQLStore

chem = pytest.importorskip("rdkit.Chem")


def test_every_molecule_is_one_and_few_occur_twice() -> None:
    found = list(molecules(500))
    assert [smiles for smiles in found if chem.MolFromSmiles(smiles) is None] == []
    assert len(set(found)) > 450
    assert found == list(molecules(500))


def test_a_store_is_made_and_every_question_has_its_answer(tmp_path: Path) -> None:
    with closing(SQLStore(f"sqlite:///{tmp_path / 'store'}")) as store:
        make(store, 1500)
        assert store.info()["samples"] == 1500
        answers = {name: question() for name, question in questions(store).items()}
        assert answers["by identity"] == 1
        assert answers["by a word that all have"] == answers["by a range of a condition"] == 20
        assert answers["by a word that none has"] == 0
        found = {name: question() for name, question in alike(store, 1500, computed=300).items()}
        assert found["similarity of 0.9 or more"] >= 1
        assert found["a substructure that many have"] == 20
        assert found["a substructure that none has"] == 0
