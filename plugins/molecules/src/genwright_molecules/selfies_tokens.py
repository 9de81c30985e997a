"""Molecules as SELFIES, in which every sequence of tokens spells a molecule."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, final

import selfies
from jaxtyping import Int64, Shaped
from torch import Tensor

from genwright.encoder import Encoder
from genwright.errors import ConditionError, DataError, OptionError
from genwright.seeds import Noise
from genwright.space import Tokens
from genwright_molecules.molecule import parse
from genwright_molecules.smiles import respell
from genwright_molecules.vocabulary import STOP, Vocabulary, quote

__all__ = ["Selfies"]

_TOKEN = re.compile(r"\[[^\[\]]*\]|\.")


@final
class Selfies(Encoder[str]):
    """SELFIES as tokens. A molecule comes back as the same molecule, in SMILES that may be spelled otherwise.

    length:    the most tokens of a molecule, with the stop that ends it
    randomize: train on other spellings of each molecule, which start and branch elsewhere

    Source: Krenn et al. (2020), doi:10.1088/2632-2153/aba947.
    """

    def __init__(self, *, length: int = 64, randomize: bool = False) -> None:
        if length < 2:
            raise OptionError(f"encoder 'selfies' needs length of 2 or more; got {length}. Try length=64.")
        self.length = length
        self.randomize = randomize
        self._vocabulary = Vocabulary(())

    @property
    def space(self) -> Tokens:
        """Rows of `length` tokens; the stop is token 0."""
        return Tokens(vocab_size=len(self._vocabulary), shape=(self.length,), stop=STOP)

    @property
    def augments(self) -> bool:
        """Whether the encoder was made with randomize=True."""
        return self.randomize

    def fit(self, items: Sequence[str]) -> None:
        """Learn which tokens the training data needs, in alphabetical order; what SELFIES cannot spell needs none."""
        found: set[str] = set()
        for item in items:
            with suppress(DataError):
                found.update(_TOKEN.findall(_spell(item)))
        self._vocabulary = Vocabulary(sorted(found))

    def state(self) -> Mapping[str, Any]:
        """Return the texts of the tokens, from token 1 on."""
        return {"tokens": list(self._vocabulary.pieces)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back the texts of the tokens."""
        self._vocabulary = Vocabulary(state["tokens"])

    def encode(self, items: Sequence[str], *, noise: Noise | None = None) -> Int64[Tensor, "B T"]:
        """Return the tokens of molecules, each ended and filled with the stop.

        noise: with randomize, the molecule is spelled from a random order of its atoms; if that spelling does not fit
               the vocabulary or the length, it keeps its own

        Raises DataError for a molecule that is too long, that SELFIES cannot spell, or with what was not in the
        training data.
        """
        plain = [_spell(item) for item in items]
        if noise is None or not self.randomize:
            return self._vocabulary.encode(plain, length=self.length)
        others = [_spell(spelling) for spelling in respell(items, noise)]
        fitting = [self._vocabulary.first_fitting(pair, self.length) for pair in zip(others, plain, strict=True)]
        return self._vocabulary.encode(fitting, length=self.length)

    def decode(self, tensors: Shaped[Tensor, "B T"]) -> list[str]:
        """Return the SMILES of rows of tokens, each up to its first stop; only a row without an atom is no molecule."""
        return [_molecule(text) for text in self._vocabulary.decode(tensors)]

    def prefix(self, text: str) -> Sequence[Sequence[int]]:
        """Return the one cut of the start of a SELFIES, such as "[C][=C]".

        Raises ConditionError if it is no SELFIES, too long, or holds what was not in the training data.
        """
        if _TOKEN.sub("", text):
            raise ConditionError(
                f"a model of SELFIES takes a prefix in SELFIES, such as '[C][=C]'; got {quote(text)}. "
                "Write it so, or use a model of SMILES."
            )
        return self._vocabulary.prefix(text, self.length)


def _spell(item: str) -> str:
    try:
        return str(selfies.encoder(item))
    except selfies.EncoderError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{quote(item)} has no spelling in SELFIES: {reason}. Leave it out, or use SMILES.") from error


def _molecule(text: str) -> str:
    """Return the SMILES of the longest start of a SELFIES that is a molecule to RDKit.

    That is nearly always all of it; but RDKit lets silicon, for one, have no more than four bonds, SELFIES eight.
    """
    smiles = str(selfies.decoder(text))
    while smiles and parse(smiles) is None:
        text = text[: text.rindex("[")]
        smiles = str(selfies.decoder(text))
    return smiles
