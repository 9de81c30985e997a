"""Runs of tokens that come together often enough to be one token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from genwright.errors import OptionError

__all__ = ["merged"]

_PRIVATE = 0xE000
"""The first of Unicode's private characters, which stand for tokens while runs are counted."""

_LEAST = 50
"""How often a run must come to be merged."""


def merged(texts: Iterable[Sequence[str]], count: int) -> set[str]:
    """Return the `count` runs that byte-pair encoding merges first, each as text.

    Raises OptionError if the package tokenizers is not installed.
    Source: Sennrich, Haddow and Birch (2016), doi:10.18653/v1/P16-1162.
    """
    try:
        from tokenizers import Tokenizer, models, trainers
    except ImportError as error:
        raise OptionError(
            "encoder 'smiles' needs the package tokenizers to learn merges; it is not installed. "
            "Install it with pip install 'genwright-molecules[train]', or train with merges=0."
        ) from error
    numbers: dict[str, int] = {}
    words = ["".join(chr(_PRIVATE + numbers.setdefault(t, len(numbers))) for t in text) for text in texts]
    trainer = trainers.BpeTrainer(vocab_size=len(numbers) + count, min_frequency=_LEAST, show_progress=False)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.train_from_iterator(words, trainer)
    tokens = list(numbers)
    runs = (run for run in tokenizer.get_vocab() if len(run) > 1)
    return {"".join(tokens[ord(character) - _PRIVATE] for character in run) for run in runs}
