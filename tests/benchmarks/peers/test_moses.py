from __future__ import annotations

import lzma
from pathlib import Path

from benchmarks.peers.moses import PUBLISHED, char_rnn_samples


def test_every_metric_has_a_value_of_every_model() -> None:
    assert {len(models) for models in PUBLISHED.values()} == {6}
    assert PUBLISHED["FCD"]["CharRNN"] == 0.5204


def test_samples_of_char_rnn_are_read_with_the_invalid_ones(tmp_path: Path) -> None:
    assert char_rnn_samples(tmp_path, 2) is None
    (tmp_path / "molecules").mkdir()
    text = 'model,run,smiles\nvae,1,CC\nchar_rnn,1,CCO\nchar_rnn,1,"C(C"\nchar_rnn,1,CCC\n'
    with lzma.open(tmp_path / "molecules" / "moses_model_samples_two.csv.xz", "wt") as file:
        file.write(text)
    assert char_rnn_samples(tmp_path, 2) == ["CCO", "C(C"]
