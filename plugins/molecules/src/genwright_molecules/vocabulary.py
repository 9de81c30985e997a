"""The tokens of a text encoder: pieces of text, each with a number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import final

import numpy as np
import torch
from jaxtyping import Int64, Shaped
from torch import Tensor

from genwright.errors import ConditionError, DataError

__all__ = ["STOP", "Vocabulary", "quote"]

STOP = 0
"""The number of the token that ends a text; it spells nothing."""

_SHOWN = 60


@final
class Vocabulary:
    """Pieces of ASCII text, numbered from 1; a text is cut into the longest pieces that fit, from its start."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = tuple(pieces)
        self.texts = ("", *self.pieces)
        # Pieces of several characters are first folded into one character beyond ASCII, so that the rest is a table
        # look-up: 176,000 molecules take 1.5 s in place of 9 s.
        folded = sorted((p for p in self.pieces if len(p) > 1), key=len, reverse=True)
        self._folds = {piece: chr(128 + i) for i, piece in enumerate(folded)}
        self._folding = re.compile("|".join(map(self._pattern, folded)) or "(?!)")

    def __len__(self) -> int:
        return len(self.texts)

    def _pattern(self, piece: str) -> str:
        """Return what finds a piece, though not where its last letter begins another: the C of "cC" before the l of "Cl"."""
        after = {p[1] for p in self.pieces if len(p) == 2 and p[0] == piece[-1] and p.isalpha() and p[1].islower()}
        symbols = "".join(sorted(after - set("cnosp")))
        return re.escape(piece) + (f"(?![{symbols}])" if symbols and len(piece) > 1 else "")

    @cached_property
    def _table(self) -> np.ndarray:
        table = np.full(128 + len(self._folds), -1, np.int64)
        for number, piece in enumerate(self.pieces, start=1):
            table[ord(self._folds.get(piece, piece))] = number
        table[ord("\n")] = STOP
        return table

    def _numbers(self, text: str) -> np.ndarray:
        folded = self._folding.sub(lambda match: self._folds[match[0]], text)
        return self._table[np.frombuffer(folded.encode("utf-32-le"), np.uint32)]

    def numbers(self, text: str) -> list[int]:
        """Return the tokens that spell a text. Raises DataError, naming the first piece that no token spells."""
        numbers = self._numbers(text) if text.isascii() and "\n" not in text else None
        if numbers is None or (numbers < 0).any():
            raise DataError(
                f"{quote(text)} holds {self._stranger(text)!r}, which was not in the data that the encoder was fitted on. "
                "Leave it out, or fit an encoder on data that holds it."
            )
        return [int(number) for number in numbers]

    def _stranger(self, text: str) -> str:
        rest = self._folding.sub("", text)
        return next(c for c in rest if c == "\n" or c not in self.pieces)

    def encode(self, texts: Sequence[str], *, length: int) -> Int64[Tensor, "B T"]:
        """Return the tokens of texts, each filled with the stop token up to `length`; at least one ends each.

        Raises DataError for a text that is too long or that the tokens do not spell, naming it.
        """
        joined = "\n".join(texts) + "\n" if texts else ""
        if not joined.isascii() or joined.count("\n") != len(texts):
            self._refuse(texts, length)
        numbers = self._numbers(joined)
        lengths = np.diff(np.flatnonzero(numbers == STOP), prepend=-1)
        if (numbers < 0).any() or (lengths > length).any():
            self._refuse(texts, length)
        rows = np.full((len(texts), length), STOP, np.int64)
        rows[np.arange(length) < lengths[:, None]] = numbers
        return torch.from_numpy(rows)

    def _refuse(self, texts: Sequence[str], length: int) -> None:
        for text in texts:
            count = len(self.numbers(text))
            if count >= length:
                raise DataError(
                    f"{quote(text)} takes {count} tokens, but length={length} holds {length - 1} and the stop. "
                    f"Leave it out, or train with length={count + 1} or more."
                )

    def first_fitting(self, texts: Sequence[str], length: int) -> str:
        """Return the first text that `encode` takes, or else the last."""
        return next((text for text in texts if self._fits(text, length)), texts[-1])

    def _fits(self, text: str, length: int) -> bool:
        try:
            return len(self.numbers(text)) < length
        except DataError:
            return False

    def prefix(self, text: str, length: int) -> list[int]:
        """Return the tokens of the start of a text. Raises ConditionError for one that is too long or not spelled."""
        try:
            tokens = self.numbers(text)
        except DataError as error:
            raise ConditionError(f"prefix {error}") from error
        if len(tokens) >= length:
            raise ConditionError(
                f"prefix {quote(text)} takes {len(tokens):,} tokens, and the model draws at most {length - 1}. Shorten it."
            )
        return tokens

    def decode(self, tokens: Shaped[Tensor, "B T"]) -> list[str]:
        """Return the text of each row up to its first stop; numbers that are no tokens stop it as well."""
        rows = tokens.detach().cpu().to(torch.int64)
        rows = rows.where((rows >= 0) & (rows < len(self)), STOP)
        ends = (torch.cat((rows, torch.zeros(len(rows), 1, dtype=torch.int64)), 1) == STOP).int().argmax(1)
        texts = self.texts
        return ["".join([texts[t] for t in row[:end]]) for row, end in zip(rows.tolist(), ends.tolist(), strict=True)]


def quote(text: str) -> str:
    """Return a text as an error message shows it: in quotes, escaped, and cut short."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}… ({len(text):,} characters)"
