from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from genwright.exports import origins
from genwright.run import Run
from genwright.store import Store
from genwright.testing.stores import make_checkpoint, make_record, make_run
from genwright_storage.exporters.ancestry import Ancestry, with_ancestry


def test_a_model_tells_its_data_and_what_it_began_with(store: Store, run: Run) -> None:
    found = list(with_ancestry(origins(store), store))
    assert [record.index for record, _, _ in found] == [0, 1, 2, 3, 4]
    wanted = Ancestry(data="moses", data_sha256="da" * 32, start="57" * 32)
    assert {(run.id, ancestry) for _, run, ancestry in found} == {(run.id, wanted)}


@pytest.mark.parametrize("digest", ["", "cd" * 32])
def test_of_a_model_that_the_store_does_not_have_nothing_is_known(store: Store, digest: str) -> None:
    other = make_run(checkpoint=digest)
    store.put_run(other)
    store.put_samples([make_record(other, 0)])
    assert [ancestry for _, _, ancestry in with_ancestry(origins(store), store)] == [Ancestry()]


@pytest.mark.parametrize("card", ["no JSON", "7", "{}", '{"recipe": 7}', {"recipe": {"data": 7}}, {"recipe": []}])
def test_a_card_of_another_form_tells_nothing(store: Store, card: Any) -> None:
    text = card if isinstance(card, str) else json.dumps(card)
    store.put_checkpoint(replace(make_checkpoint("ab" * 32), card=text))
    other = make_run()
    store.put_run(other)
    store.put_samples([make_record(other, 0)])
    assert [ancestry for _, _, ancestry in with_ancestry(origins(store), store)] == [Ancestry()]
