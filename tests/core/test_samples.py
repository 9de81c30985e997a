from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import genwright as gw
from genwright.errors import DataError
from genwright.exports import COLUMNS
from genwright.memory import MemoryStore
from genwright.model import Model
from genwright.registry import Registry
from genwright.samples import Samples
from genwright.testing.toys import Rounds


def test_samples_are_a_sequence(recorded: Samples[str]) -> None:
    assert len(recorded) == 30
    assert recorded[3].id == f"{recorded.run.id}/3"
    assert [sample.index for sample in recorded[5:8]] == [5, 6, 7]
    assert recorded[-1] == list(recorded)[29]
    assert recorded.items == [sample.item for sample in recorded]


def test_valid_ones_keep_their_run_their_domain_and_their_store(recorded: Samples[str]) -> None:
    valid = recorded.valid
    assert 0 < len(valid) < len(recorded)
    assert all(sample.is_valid and sample.flaw is None for sample in valid)
    for some in (valid, recorded[2:4]):
        assert (some.run, some.domain, some.store) == (recorded.run, recorded.domain, recorded.store)


def test_samples_say_what_they_are(recorded: Samples[str]) -> None:
    assert repr(recorded) == f"<30 samples of rounds, {len(recorded.valid)} valid, run {recorded.run.id}>"


def test_samples_are_written_and_drawn_by_their_domain(recorded: Samples[str], tmp_path: Path) -> None:
    recorded.valid.write(tmp_path / "new.txt")
    assert list(recorded.domain.read(tmp_path / "new.txt")) == recorded.valid.items
    recorded[:2].render(str(tmp_path / "two.svg"))
    assert recorded[0].item in (tmp_path / "two.svg").read_text()
    with pytest.raises(DataError, match=r"drawn as \.svg; got two\.png"):
        recorded[:2].render(tmp_path / "two.png")


@pytest.mark.parametrize("is_recorded", [True, False])
def test_what_is_recorded_is_written_with_where_it_comes_from(
    toy_model: Model[str], toys: Registry, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, is_recorded: bool
) -> None:
    """Only `export` once wrote it."""
    found: list[tuple[str, Mapping[str, str]]] = []
    monkeypatch.setattr(Rounds, "export", lambda domain, samples, path: found.extend(samples))
    monkeypatch.setattr(Rounds, "write", lambda domain, items, path: found.extend((item, {}) for item in items))
    samples = gw.generate(toy_model, 4, seed=5, store=store if is_recorded else False)
    samples.write("new.txt")
    assert [item for item, _ in found] == samples.items
    if is_recorded:
        run, sample = samples.run, samples[2]
        wanted = (sample.id, sample.item, sample.flaw, sample.canonical, sample.identity, run.id, 2, 5, "rounds")
        known = dict(zip(COLUMNS, (*wanted, run.model, run.checkpoint), strict=True))
        assert found[2][1] == {name: str(value) for name, value in known.items() if value is not None}
    else:
        assert [known for _, known in found] == [{}] * 4


def test_samples_are_plain_rows_and_a_table(recorded: Samples[str]) -> None:
    row = list(recorded.rows())[4]
    sample = recorded[4]
    assert row == {
        "id": sample.id,
        "index": 4,
        "seed": 5,
        "item": sample.item,
        "flaw": sample.flaw,
        "canonical": sample.canonical,
        "identity": sample.identity,
    }
    pytest.importorskip("pandas", reason="pandas is not installed")
    table = recorded.to_pandas()
    assert table.shape == (30, 7)
    assert table["item"].tolist() == recorded.items
