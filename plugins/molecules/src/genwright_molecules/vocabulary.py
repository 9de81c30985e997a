"""The tokens of a text encoder: pieces of text, each with a number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import final

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
    """Pieces of text, numbered from 1; a text is cut into the longest pieces that fit, from its start."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = tuple(pieces)
        self.texts = ("", *self.pieces)
        self._numbers = {piece: number for number, piece in enumerate(self.pieces, start=1)}
        longest_first = sorted((p for p in self.pieces if len(p) > 1), key=len, reverse=True)
        self._cut = re.compile("|".join([*map(self._pattern, longest_first), "."]), re.DOTALL)

    def __len__(self) -> int:
        return len(self.texts)

    def _pattern(self, piece: str) -> str:
        """Return what finds a piece, but not where its last letter begins another, as the C of "cC" does in "cCl"."""
        after = {p[1] for p in self.pieces if len(p) == 2 and p[0] == piece[-1] and p.isalpha() and p[1].islower()}
        symbols = "".join(sorted(after - set("cnosp")))
        return re.escape(piece) + (f"(?![{symbols}])" if symbols else "")

    def numbers(self, text: str) -> list[int]:
        """Return the tokens that spell a text. Raises DataError, naming the first piece that no token spells."""
        try:
            return [self._numbers[piece] for piece in self._cut.findall(text)]
        except KeyError as error:
            raise DataError(
                f"{quote(text)} holds {error.args[0]!r}, which was not in the data that the encoder was fitted on. "
                "Leave it out, or fit an encoder on data that holds it."
            ) from error

    def encode(self, texts: Sequence[str], *, length: int) -> Int64[Tensor, "B T"]:
        """Return the tokens of texts, each filled with the stop token up to `length`; at least one ends each.

        Raises DataError for a text that is too long or that the tokens do not spell, naming it.
        """
        rows = [self.numbers(text) for text in texts]
        for text, row in zip(texts, rows, strict=True):
            if len(row) >= length:
                raise DataError(
                    f"{quote(text)} takes {len(row):,} tokens, but length={length} holds {length - 1} and the stop. "
                    f"Leave it out, or train with length={len(row) + 1} or more."
                )
            row += [STOP] * (length - len(row))
        return torch.tensor(rows, dtype=torch.int64).reshape(len(texts), length)

    def first_fitting(self, texts: Sequence[str], length: int) -> str:
        """Return the first text that `encode` takes, or else the last."""
        return next((text for text in texts if self._fits(text, length)), texts[-1])

    def _fits(self, text: str, length: int) -> bool:
        try:
            return len(self.numbers(text)) < length
        except DataError:
            return False

    def prefix(self, text: str, length: int) -> list[list[int]]:
        """Return the cuts with which texts start that start with `text`: its own, then those that go beyond it.

        Raises ConditionError for a start that is too long or not spelled.
        """
        try:
            own = self.numbers(text)
        except DataError as error:
            raise ConditionError(f"prefix {error}") from error
        if len(own) >= length:
            raise ConditionError(
                f"prefix {quote(text)} takes {len(own):,} tokens, and the model draws at most {length - 1}. Shorten it."
            )
        return [own, *(cut for cut in self._beyond(text) if cut != own and len(cut) < length)]

    def _beyond(self, text: str) -> Iterator[list[int]]:
        """Yield the cuts whose last piece holds the end of a text, where all before it is cut so."""
        longest = max(map(len, self.pieces), default=0)
        for start in range(max(0, len(text) - longest), len(text)):
            for piece in self.pieces:
                if piece.startswith(text[start:]):
                    cut = self._cut.findall(text[:start] + piece)
                    if cut[-1] == piece and all(part in self._numbers for part in cut):
                        yield [self._numbers[part] for part in cut]

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
